"""`POST /api/v1/hooks/mlflow`: the one door that takes no token. Its caller proves itself by a signature."""

from typing import IO, cast

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.parsing import read_bounded
from registry_ui.services.hooks import Delivery, hook_receive

_BODY_LIMIT = 64 * 1024


class MlflowHookView(ApiView):
    """Absent (404) without MLFLOW_WEBHOOK_SECRET."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        """202 where a sync is queued, 204 where the event concerns none of our models."""
        if not settings.MLFLOW_WEBHOOK_SECRET:
            raise Http404
        delivery = Delivery(
            id=request.headers.get("X-MLflow-Delivery-Id", ""),
            timestamp=request.headers.get("X-MLflow-Timestamp", ""),
            signature=request.headers.get("X-MLflow-Signature", ""),
            body=read_bounded(cast(IO[bytes], request._request), _BODY_LIMIT),
        )
        queued = hook_receive(delivery=delivery, secret=settings.MLFLOW_WEBHOOK_SECRET)
        return Response(status=204 if queued is None else 202)
