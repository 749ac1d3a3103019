"""The views: resolve who asks, call one service, present. Permissions are asked in the services."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from registry_ui.api.shapes import (
    DecisionRequest,
    DecisionShape,
    RunShape,
    ServedShape,
    VersionShape,
    VersionsShape,
)
from registry_ui.models import Decision
from registry_ui.moments import past_moment_parse
from registry_ui.selectors import deployment_get, run_get, served_at, version_get, versions_of
from registry_ui.services.access import Actor
from registry_ui.services.decisions import champion_roll_back, version_approve, version_reject
from registry_ui.services.runs import run_cancel, run_request

_NEWEST = 100
_ERRORS = {
    400: "No such request: `details` names what is wrong.",
    401: "No token, or one that is not valid.",
    403: "The caller may not do this.",
    404: "No such model, version or run.",
    405: "Another method is needed.",
    409: "Not in this state: `stale_generation` (with what happened meanwhile), `wrong_state` or `run_active`.",
    413: "The body is too large.",
    415: "The body must be `application/json`.",
}
_DECIDE: dict[str, Callable[..., Decision]] = {
    "approve": version_approve,
    "reject": version_reject,
    "roll_back": champion_roll_back,
}


def _answers(success: dict[int, Any], *errors: int) -> dict[int, Any]:
    faults = {status: OpenApiResponse(OpenApiTypes.OBJECT, _ERRORS[status]) for status in (401, 404, 405, *errors)}
    return {**success, **faults}


class VersionsView(ApiView):
    """`GET /api/v1/models/<model>/versions`"""

    @extend_schema(operation_id="list_versions", tags=["registry"], responses=_answers({200: VersionsShape}))
    def get(self, request: Request, model: str) -> Response:
        """Versions of a model, newest first, at most 100."""
        deployment = deployment_get(model=model)
        shape = VersionsShape(
            model=model,
            generation=deployment.generation,
            champion=deployment.champion_version,
            versions=[VersionShape.of(version) for version in versions_of(model=model)[:_NEWEST]],
        )
        return _json(shape)


class DecisionsView(ApiView):
    """`POST /api/v1/models/<model>/versions/<number>/decisions`"""

    @extend_schema(
        operation_id="decide",
        tags=["registry"],
        request=DecisionRequest,
        responses=_answers({201: DecisionShape}, 400, 403, 409, 413, 415),
    )
    def post(self, request: Request, model: str, number: str) -> Response:
        """Approve or reject a waiting version, or roll back to a former champion."""
        version = version_get(model=model, number=int(number))
        asked = DecisionRequest.parse(request.data)
        decision = _DECIDE[asked.action](
            model=model,
            number=version.number,
            actor=Actor.person(request.user),
            reason=asked.reason,
            expected_generation=asked.expected_generation,
        )
        return _json(DecisionShape.of(decision), status=201)


class ServedView(ApiView):
    """`GET /api/v1/models/<model>/served?at=<moment>`"""

    @extend_schema(
        operation_id="get_served",
        tags=["registry"],
        parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME, required=True, description="A past moment.")],
        responses=_answers({200: ServedShape}, 400),
    )
    def get(self, request: Request, model: str) -> Response:
        """What the model served at a moment, who decided that, and why. A version's first moment belongs to it."""
        at = past_moment_parse(request.query_params.get("at", ""), field="at")
        return _json(ServedShape.of(served_at(at=at, model=model)[0], at))


class RunsView(ApiView):
    """`POST /api/v1/models/<model>/runs`"""

    @extend_schema(
        operation_id="request_run", tags=["runs"], request=None, responses=_answers({202: RunShape}, 403, 409)
    )
    def post(self, request: Request, model: str) -> Response:
        """Train the model anew. 409 names the run that is active already."""
        run = run_request(model=model, actor=Actor.person(request.user), trigger="api")
        place = reverse("api-run", kwargs={"model": model, "run": str(run.pk)})
        return _json(RunShape.of(run), status=202, headers={"Location": place})


class RunView(ApiView):
    """`GET /api/v1/models/<model>/runs/<id>`"""

    @extend_schema(operation_id="get_run", tags=["runs"], responses=_answers({200: RunShape}))
    def get(self, request: Request, model: str, run: str) -> Response:
        """How far a run is."""
        return _json(RunShape.of(run_get(model=model, run_id=run)))


class CancellationView(ApiView):
    """`POST /api/v1/models/<model>/runs/<id>/cancellation`"""

    @extend_schema(
        operation_id="cancel_run", tags=["runs"], request=None, responses=_answers({200: RunShape}, 403, 409)
    )
    def post(self, request: Request, model: str, run: str) -> Response:
        """Cancel a queued or running run."""
        return _json(RunShape.of(run_cancel(model=model, run_id=run, actor=Actor.person(request.user))))


def _json(shape: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(shape.model_dump(mode="json"), status=status, headers=headers)
