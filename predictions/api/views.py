"""The views: parse, call one service, present."""

from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from ml_pipeline.errors import CodesoftError
from predictions import services
from predictions.api.base import ApiView
from predictions.api.idempotent import idempotent
from predictions.api.parsing import JSON, read_json
from predictions.api.presenting import present_model, present_predictions, present_summary
from predictions.api.requests import parse_request
from predictions.api.schema import build_schema
from predictions.serving import current


@extend_schema(exclude=True)
class PredictionsView(ApiView):
    """`POST /api/v1/models/<model>/predictions`"""

    @idempotent
    def post(self, request: Request, model: str) -> HttpResponse:
        try:
            services.find_model(model=model)
            asked = parse_request(read_json(request._request))
        except CodesoftError as refusal:
            services.count_refusal(model, refusal)
            raise
        predicted = services.predict(
            model=model,
            rows=asked.rows,
            entity_ids=asked.entity_ids,
            caller=request.user.get_username(),
            token=str(request.auth or ""),
        )
        return HttpResponse(orjson.dumps(present_predictions(predicted)), content_type=JSON)


@extend_schema(exclude=True)
class ModelsView(ApiView):
    """`GET /api/v1/models`"""

    def get(self, request: Request) -> Response:
        return Response({"models": [present_summary(live) for live in current().models.values()]})


@extend_schema(exclude=True)
class ModelView(ApiView):
    """`GET /api/v1/models/<model>`"""

    def get(self, request: Request, model: str) -> Response:
        return Response(present_model(services.find_model(model=model)))


@extend_schema(exclude=True)
class SchemaView(ApiView):
    """`GET /api/v1/schema`: OpenAPI 3.1 in JSON. Where the forms need no login, it needs no token."""

    def get_permissions(self) -> list[Any]:
        return [*super().get_permissions()] if settings.FORMS_NEED_LOGIN else [AllowAny()]

    def get(self, request: Request) -> Response:
        return Response(build_schema(request))
