"""Probes: `/healthz` says that the process answers, `/readyz` that it can predict with what it has."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from predictions.serving import serving_state


class ProbeMiddleware:
    """Answers the two probes before any other work, so that neither host names nor sessions can fail them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return JsonResponse({"status": "ok"})
        if request.path == "/readyz":
            state = serving_state()
            return JsonResponse(state.as_dict(), status=200 if state.ready else 503)
        return self._get_response(request)
