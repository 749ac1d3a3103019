"""What every view of the API has in common: JSON whatever the caller accepts, bodies in chunks, a plain OPTIONS."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView

from predictions.api.parsing import StrictJSONParser, accept_chunked


class AlwaysJSON(BaseContentNegotiation):
    """A caller that accepts HTML alone gets JSON rather than an error about it. The body's type is still checked."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        return next((item for item in parsers if media_type_matches(item.media_type, request.content_type)), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """The base of the API's views. None of what DRF would negotiate for each request depends on the request."""

    METHODS: ClassVar = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
    _PARSERS: ClassVar[list[BaseParser]] = [StrictJSONParser()]
    _RENDERER: ClassVar = JSONRenderer()
    _NEGOTIATOR: ClassVar = AlwaysJSON()

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        return Request(
            request,
            parsers=self._PARSERS,
            authenticators=self.get_authenticators(),
            negotiator=self._NEGOTIATOR,
            parser_context={"view": self, "args": args, "kwargs": kwargs},
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer = self._RENDERER
        request.accepted_media_type = self._RENDERER.media_type
        self.perform_authentication(request)
        self.check_permissions(request)
        accept_chunked(request._request)

    @classmethod
    def rendered(cls, data: Any) -> bytes:
        return cls._RENDERER.render(data)

    def finalize_response(  # type: ignore[override] # bytes that are JSON already are an HttpResponse
        self, request: Request, response: HttpResponse, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if isinstance(response, Response):
            response.accepted_renderer = self._RENDERER
            response.accepted_media_type = self._RENDERER.media_type
            response.renderer_context = {}  # type: ignore[attr-defined]
        # The context holds view and request, and the request holds it: apart, all of them go with the answer, and the
        # garbage collector, whose pauses are the slowest answers, finds nothing of theirs.
        request.parser_context = {}
        if response.status_code in (204, 405):  # of OPTIONS, and of another method than those
            response.headers["Allow"] = ", ".join(self.allowed_methods)
        return response

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # `finalize_response` gives `Allow` to the answers that need it

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204)
