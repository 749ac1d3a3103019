"""The views: parse, call one service, present."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import orjson
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from ml_pipeline.errors import CodesoftError
from predictions import rate_limits, services
from predictions.api.base import ApiView
from predictions.api.idempotent import idempotent
from predictions.api.parsing import JSON, read_json
from predictions.api.presenting import present_model, present_predictions, present_summary
from predictions.api.requests import parse_flag, parse_request
from predictions.api.schema import build_schema
from predictions.api.versions import chosen_version
from predictions.authentication import Caller, caller_of
from predictions.errors import RateLimited
from predictions.scopes import PREDICT, READ
from predictions.serving import current
from predictions.serving.routing import LiveModel


@extend_schema(exclude=True)
class PredictionsView(ApiView):
    """`POST /api/v1/models/<model>/predictions`. A repeated answer counts against the limits like any other."""

    scopes: ClassVar = {"POST": PREDICT}
    limits: Mapping[str, str] = MappingProxyType({})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            try:
                self.limits = rate_limits.spend(caller_of(request), kwargs["model"])
            except RateLimited as refusal:
                services.count_refusal(kwargs["model"], refusal)
                raise

    def finalize_response(  # type: ignore[override] # as that of ApiView
        self, request: Request, response: HttpResponse, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.limits.items():  # on errors, too
            response.headers[name] = value
        return response

    @idempotent
    def post(self, request: Request, model: str) -> HttpResponse:
        try:
            services.find_model(model=model)
            version = chosen_version(request, model)
            asked = parse_request(read_json(request._request))
            explain = bool(request._request.META.get("QUERY_STRING")) and parse_flag(request._request.GET, "explain")
        except CodesoftError as refusal:
            services.count_refusal(model, refusal)
            raise
        predicted = services.predict(
            model=model,
            rows=asked.rows,
            entity_ids=asked.entity_ids,
            caller=request.user.get_username(),
            version=version,
            token=str(request.auth or ""),
            explain=explain,
        )
        return HttpResponse(orjson.dumps(present_predictions(predicted)), content_type=JSON)


@extend_schema(exclude=True)
class ModelsView(ApiView):
    """`GET /api/v1/models`"""

    def get(self, request: Request) -> Response:
        return Response({"models": [present_summary(live) for live in _readable(caller_of(request))]})


@extend_schema(exclude=True)
class ModelView(ApiView):
    """`GET /api/v1/models/<model>`"""

    def get(self, request: Request, model: str) -> Response:
        return Response(present_model(services.find_model(model=model)))


@extend_schema(exclude=True)
class SchemaView(ApiView):
    """`GET /api/v1/schema`: OpenAPI 3.1 in JSON. Where the forms need no login, it needs no token."""

    def get_permissions(self) -> list[Any]:
        return [IsAuthenticated() if settings.FORMS_NEED_LOGIN else AllowAny()]

    def get(self, request: Request) -> Response:
        return Response(build_schema(request))


def _readable(caller: Caller) -> list[LiveModel]:
    return [live for name, live in current().models.items() if caller.may(READ, name)]
