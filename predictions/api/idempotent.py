"""`Idempotency-Key` for a view's POST. A request without the header costs nothing and needs no database."""

from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from ml_pipeline.canonical import sha256_hex
from predictions.api.base import ApiView
from predictions.api.parsing import JSON, read_bounded
from predictions.idempotency.answers import Answered, keep, release, reserve

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

P = ParamSpec("P")
V = TypeVar("V", bound=ApiView)
Post = Callable[Concatenate[V, Request, P], HttpResponse]


def idempotent(post: Post[V, P]) -> Post[V, P]:
    """Answer the same request under the same key, from the same token, with what it was answered, for 24 hours.

    Only what succeeded is kept: a request that was refused has done nothing, and may be sent again, corrected.
    """

    @wraps(post)
    def answer(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        key = request._request.META.get("HTTP_IDEMPOTENCY_KEY")
        if key is None:
            return post(view, request, *args, **kwargs)
        held = reserve(token=str(request.auth or ""), key=key, request_hash=_request_hash(request))
        if isinstance(held, Answered):
            return _response(held, replayed=True)
        try:
            answered = _answered(post(view, request, *args, **kwargs))
        except BaseException:
            release(reservation=held)
            raise
        keep(reservation=held, answered=answered)
        return _response(answered, replayed=False)

    return answer


def _request_hash(request: Request) -> str:
    """What makes two requests the same: address and body. The body is kept in memory for the view."""
    body = read_bounded(cast(Any, request._request), settings.PREDICTION_BODY_LIMIT)
    request._request._stream = BytesIO(body)
    return sha256_hex(request._request.get_full_path().encode() + b"\n" + body)


def _answered(response: HttpResponse) -> Answered:
    body = ApiView.rendered(response.data) if isinstance(response, Response) else response.content
    return Answered(response.status_code, body.decode(), response.headers.get("Location", ""))


def _response(answered: Answered, *, replayed: bool) -> HttpResponse:
    response = HttpResponse(answered.body, status=answered.status, content_type=JSON)
    if answered.location:
        response.headers["Location"] = answered.location
    if replayed:
        response.headers[REPLAYED] = "true"
    return response
