"""The doors to how a model fares: drift, and live performance."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.idempotent import idempotent
from predictions.api.schema_errors import WITH_A_KEY
from registry_ui.api.base import KEY, as_json, fails
from registry_ui.api.drift_shapes import DriftReportsShape, DriftTaskShape
from registry_ui.api.performance_shapes import PerformanceShape
from registry_ui.selectors import deployment_get, drift_reports, drift_task, live_performance
from registry_ui.services.access import VIEW, Actor
from registry_ui.services.drift import drift_request

_REPORTS = 20


class PerformanceView(ApiView):
    """`GET /api/v1/models/<model>/performance`"""

    @extend_schema(
        operation_id="get_performance", tags=["registry"], responses={200: PerformanceShape}, extensions=fails()
    )
    def get(self, request: Request, model: str) -> Response:
        """How good answers turned out to be, by version and over time, as far as their true labels were told.

        Of the last half year. Labels that callers tell are seldom a random sample of all answers.
        """
        deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        return as_json(PerformanceShape.of(live_performance(model=model)))


class DriftView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/drift`"""

    @extend_schema(
        operation_id="list_drift_reports", tags=["drift"], responses={200: DriftReportsShape}, extensions=fails()
    )
    def get(self, request: Request, model: str) -> Response:
        """What the last evaluations of the champion's traffic found, newest first, at most 20."""
        deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        return as_json(DriftReportsShape.of(model, drift_reports(model=model)[:_REPORTS], drift_task(model=model)))

    @extend_schema(
        operation_id="request_drift_report",
        tags=["drift"],
        request=None,
        parameters=[KEY],
        responses={202: DriftTaskShape},
        extensions=fails("wrong_state", *WITH_A_KEY),
    )
    @idempotent
    def post(self, request: Request, model: str) -> Response:
        """Compare the champion's newest traffic with its held-out rows. An evaluation that is active already is it."""
        task = drift_request(model=model, actor=Actor.person(request.user))
        place = reverse("api-drift", kwargs={"model": model})
        return as_json(DriftTaskShape.of(task), status=202, headers={"Location": place})
