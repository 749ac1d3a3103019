"""What an answer leaves unread of its request."""

from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from django.http import HttpRequest, HttpResponse

from predictions.api.parsing import read_block
from predictions.errors import MalformedBody

_MOST = 16 * 2**20


class DrainBodyMiddleware:
    """Reads the rest of a body that the answer did not look at, before the answer leaves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        drain_body(request)
        return response


def drain_body(request: HttpRequest) -> None:
    """Read the rest of a body that a refusal (401, 404, 405, 413, …) did not look at.

    A client that has its answer may send the next request right behind the rest of the body. gunicorn's threaded worker
    takes both from the socket at once, and then waits for bytes that are already in its buffer.
    """
    if request.META.get("wsgi.input_terminated"):  # elsewhere reading beyond the body would wait for ever
        with suppress(MalformedBody):  # there is no rest that could be read
            drain(request.META["wsgi.input"])


def drain(stream: IO[Any]) -> None:
    left = _MOST
    while left > 0 and (block := read_block(stream)):
        left -= len(block)
