"""Errors outside a view: JSON under `/api/`, a page for a browser. None of them needs the database."""

import sys
from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render

from codesoft.api_errors import error_body
from codesoft.error_status import error_of_ours, retry_headers, status_of
from ml_pipeline.errors import CodesoftError

API_PREFIX = "/api/"


class ErrorPagesMiddleware:
    """Turns an error of ours that left a view into its answer, with the status of the one table; gives a 405 a body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if isinstance(response, HttpResponseNotAllowed):  # Django's own has no body
            allowed = response["Allow"]
            response = _answer(request, 405, "method_not_allowed", f"This address takes {allowed} alone.")
            response["Allow"] = allowed
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        ours = error_of_ours(exception)
        return None if ours is None else _answer_to_error(request, ours)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return _answer(request, 413, "body_too_large", "The request is larger than allowed.")
    return _answer(request, 400, "bad_request", "The request cannot be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "permission_denied", "You may not do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(
        request,
        403,
        "csrf_failed",
        "This form was open for too long, or cookies are off.",
        "Go back, reload, try again.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "not_found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Also where a middleware asked the database: what it raised passes no `process_exception`."""
    ours = error_of_ours(sys.exception())
    if ours is not None:
        return _answer_to_error(request, ours)
    return _answer(request, 500, "internal_error", "Something went wrong on our side.", "It has been logged.")


def _answer_to_error(request: HttpRequest, error: CodesoftError) -> HttpResponse:
    response = _answer(request, status_of(error), error.code, error.message, error.advice)
    for name, value in retry_headers(error).items():
        response[name] = value
    return response


def _answer(request: HttpRequest, status: int, code: str, message: str, advice: str = "") -> HttpResponse:
    if request.path.startswith(API_PREFIX):
        return JsonResponse(error_body(code, f"{message} {advice}".strip()), status=status)
    context = {"status": status, "message": message, "advice": advice}
    return render(request, "error.html", context, status=status)
