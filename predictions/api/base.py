"""What every view of the API has in common: JSON whatever the caller accepts, bodies in chunks, a plain OPTIONS."""

from typing import Any

from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView

from predictions.api.parsing import accept_chunked


class AlwaysJSON(BaseContentNegotiation):
    """A caller that accepts HTML alone gets JSON rather than an error about it. The body's type is still checked."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        return next((item for item in parsers if media_type_matches(item.media_type, request.content_type)), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """The base of the API's views."""

    content_negotiation_class = AlwaysJSON

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        accept_chunked(request._request)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        return Response(status=204)
