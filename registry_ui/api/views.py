"""The views: resolve who asks, call one service, present. Permissions are asked in the services."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.idempotent import HEADER, idempotent
from predictions.api.schema_errors import CODES, EVERYWHERE_ON_A_MODEL, WITH_A_BODY, WITH_A_KEY
from registry_ui.api.drift_shapes import DriftReportsShape, DriftTaskShape
from registry_ui.api.performance_shapes import PerformanceShape
from registry_ui.api.shapes import (
    DecisionRequest,
    DecisionShape,
    DecisionsShape,
    RolloutRequest,
    RolloutShape,
    RunDetailShape,
    RunShape,
    RunsShape,
    ServedShape,
    VersionShape,
    VersionsShape,
)
from registry_ui.models import Decision, Trigger, VersionTrial
from registry_ui.moments import past_moment_parse
from registry_ui.selectors import (
    deployment_get,
    drift_reports,
    drift_task,
    live_performance,
    rollout_overview,
    run_get,
    runs_newest,
    served_at,
    version_get,
    versions_of,
)
from registry_ui.services.access import VIEW, Actor
from registry_ui.services.canaries import canary_end, canary_promote, version_set_canary
from registry_ui.services.decisions import (
    champion_retire,
    champion_roll_back,
    version_approve,
    version_ask_again,
    version_reject,
    version_request_changes,
)
from registry_ui.services.drift import drift_request
from registry_ui.services.preconditions import Confirmed
from registry_ui.services.runs import run_cancel, run_request
from registry_ui.services.shadows import shadow_end, version_set_shadow
from registry_ui.services.trials import canary_pause, canary_plan_set, canary_resume

_NEWEST = 100
_REPORTS = 20
_KEY = OpenApiParameter(
    HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    pattern="^[!-~]{1,255}$",
    description="The same request under the same key gets the same answer for 24 hours.",
)
_DECISION_ERRORS = (
    "four_eyes", "reason_required", "invalid_share", "invalid_plan", "wrong_state", "stale_generation", "frozen",
    "incompatible_inputs", "rolled_back_before", "stale_recommendation",
)  # fmt: skip
_DECIDE: dict[str, Callable[..., Decision]] = {
    "approve": version_approve,
    "reject": version_reject,
    "request_changes": version_request_changes,
    "ask_again": version_ask_again,
    "set_canary": version_set_canary,
    "promote_canary": canary_promote,
    "end_canary": canary_end,
    "set_shadow": version_set_shadow,
    "end_shadow": shadow_end,
    "roll_back": champion_roll_back,
    "retire": champion_retire,
}
_CHANGE: dict[str, Callable[..., VersionTrial]] = {
    "plan": canary_plan_set,
    "pause": canary_pause,
    "resume": canary_resume,
}
_MAKES_SERVE = {"approve", "set_canary", "promote_canary", "roll_back"}


def _fails(*codes: str) -> dict[str, Any]:
    return {CODES: [*EVERYWHERE_ON_A_MODEL, "permission_refused", "database_unavailable", *codes]}


class VersionsView(ApiView):
    """`GET /api/v1/models/<model>/versions`"""

    @extend_schema(operation_id="list_versions", tags=["registry"], responses={200: VersionsShape}, extensions=_fails())
    def get(self, request: Request, model: str) -> Response:
        """Versions of a model, newest first, at most 100."""
        deployment = deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        shape = VersionsShape(
            model=model,
            generation=deployment.generation,
            champion=deployment.champion_version,
            canary=deployment.canary_version,
            canary_share=deployment.canary_share,
            shadow=deployment.shadow_version,
            versions=[VersionShape.of(version) for version in versions_of(model=model)[:_NEWEST]],
        )
        return _json(shape)


class DecisionsView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/versions/<number>/decisions`"""

    @extend_schema(
        operation_id="list_decisions",
        tags=["registry"],
        responses={200: DecisionsShape},
        extensions=_fails("unknown_version"),
    )
    def get(self, request: Request, model: str, number: str) -> Response:
        """Every decision about a version, newest first."""
        version = version_get(model=model, number=int(number))
        Actor.person(request.user).require(VIEW, model)
        taken = version.decisions.select_related("version")[:_NEWEST]
        shape = DecisionsShape(model=model, version=version.number, decisions=[DecisionShape.of(one) for one in taken])
        return _json(shape)

    @extend_schema(
        operation_id="decide",
        tags=["registry"],
        request=DecisionRequest,
        parameters=[_KEY],
        responses={201: DecisionShape},
        extensions=_fails("unknown_version", *WITH_A_BODY, *WITH_A_KEY, *_DECISION_ERRORS),
    )
    @idempotent
    def post(self, request: Request, model: str, number: str) -> Response:
        """Decide about a version: approve it, try it as a canary or a shadow, roll back to it, and the like.

        `retire` names the version that serves. The permission to approve is needed on the model; for `roll_back`,
        `retire` and `end_canary` that to roll back, for `ask_again` that to request.
        """
        version = version_get(model=model, number=int(number))
        asked = DecisionRequest.parse(request.data)
        decision = _DECIDE[asked.action](
            model=model,
            number=version.number,
            actor=Actor.person(request.user),
            reason=asked.reason,
            expected_generation=asked.expected_generation,
            **_particulars(asked),
        )
        return _json(DecisionShape.of(decision), status=201)


class RolloutView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/rollout`"""

    @extend_schema(operation_id="get_rollout", tags=["registry"], responses={200: RolloutShape}, extensions=_fails())
    def get(self, request: Request, model: str) -> Response:
        """How the canary and the new champion fare, what the test says of them, and what they wait for."""
        deployment = deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        return _json(RolloutShape.of(rollout_overview(deployment=deployment)))

    @extend_schema(
        operation_id="change_rollout",
        tags=["registry"],
        request=RolloutRequest,
        parameters=[_KEY],
        responses={200: RolloutShape},
        extensions=_fails(
            "unknown_version", "four_eyes", "reason_required", "invalid_plan", "wrong_state", "stale_generation",
            *WITH_A_BODY, *WITH_A_KEY,
        ),
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, model: str) -> Response:
        """Let the canary go on by a plan, pause it, or go on. It needs the permission to approve."""
        deployment_get(model=model)
        asked = RolloutRequest.parse(request.data)
        _CHANGE[asked.action](
            model=model,
            number=asked.version,
            actor=Actor.person(request.user),
            reason=asked.reason,
            expected_generation=asked.expected_generation,
            **({"plan": asked.plan.plan} if asked.plan else {}),
        )
        return _json(RolloutShape.of(rollout_overview(deployment=deployment_get(model=model))))


class ServedView(ApiView):
    """`GET /api/v1/models/<model>/served?at=<moment>`"""

    @extend_schema(
        operation_id="get_served",
        tags=["registry"],
        parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME, required=True, description="A past moment.")],
        responses={200: ServedShape},
        extensions=_fails("invalid_request"),
    )
    def get(self, request: Request, model: str) -> Response:
        """What the model served at a moment, who decided that, and why. A version's first moment belongs to it."""
        Actor.person(request.user).require(VIEW, model)
        at = past_moment_parse(request.query_params.get("at", ""), field="at")
        return _json(ServedShape.of(served_at(at=at, model=model)[0], at))


class PerformanceView(ApiView):
    """`GET /api/v1/models/<model>/performance`"""

    @extend_schema(
        operation_id="get_performance", tags=["registry"], responses={200: PerformanceShape}, extensions=_fails()
    )
    def get(self, request: Request, model: str) -> Response:
        """How good answers turned out to be, by version and over time, as far as their true labels were told.

        Of the last half year. Labels that callers tell are seldom a random sample of all answers.
        """
        deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        return _json(PerformanceShape.of(live_performance(model=model)))


class RunsView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/runs`"""

    @extend_schema(operation_id="list_runs", tags=["runs"], responses={200: RunsShape}, extensions=_fails())
    def get(self, request: Request, model: str) -> Response:
        """Runs of a model, newest first, at most 100."""
        deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        return _json(RunsShape(model=model, runs=[RunShape.of(run) for run in runs_newest(model=model, count=_NEWEST)]))

    @extend_schema(
        operation_id="request_run",
        tags=["runs"],
        request=None,
        parameters=[_KEY],
        responses={202: RunShape},
        extensions=_fails("run_active", *WITH_A_KEY),
    )
    @idempotent
    def post(self, request: Request, model: str) -> Response:
        """Train the model anew. 409 names the run that is active already."""
        run = run_request(model=model, actor=Actor.person(request.user), trigger=Trigger.API)
        place = reverse("api-run", kwargs={"model": model, "run": str(run.pk)})
        return _json(RunShape.of(run), status=202, headers={"Location": place})


class DriftView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/drift`"""

    @extend_schema(
        operation_id="list_drift_reports", tags=["drift"], responses={200: DriftReportsShape}, extensions=_fails()
    )
    def get(self, request: Request, model: str) -> Response:
        """What the last evaluations of the champion's traffic found, newest first, at most 20."""
        deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        return _json(DriftReportsShape.of(model, drift_reports(model=model)[:_REPORTS], drift_task(model=model)))

    @extend_schema(
        operation_id="request_drift_report",
        tags=["drift"],
        request=None,
        parameters=[_KEY],
        responses={202: DriftTaskShape},
        extensions=_fails("wrong_state", *WITH_A_KEY),
    )
    @idempotent
    def post(self, request: Request, model: str) -> Response:
        """Compare the champion's newest traffic with its held-out rows. An evaluation that is active already is it."""
        task = drift_request(model=model, actor=Actor.person(request.user))
        place = reverse("api-drift", kwargs={"model": model})
        return _json(DriftTaskShape.of(task), status=202, headers={"Location": place})


class RunView(ApiView):
    """`GET /api/v1/models/<model>/runs/<id>`"""

    @extend_schema(
        operation_id="get_run", tags=["runs"], responses={200: RunDetailShape}, extensions=_fails("unknown_run")
    )
    def get(self, request: Request, model: str, run: str) -> Response:
        """How far a run is, and what came of it."""
        Actor.person(request.user).require(VIEW, model)
        return _json(RunDetailShape.of(run_get(model=model, run_id=run)))


class CancellationView(ApiView):
    """`POST /api/v1/models/<model>/runs/<id>/cancellation`"""

    @extend_schema(
        operation_id="cancel_run",
        tags=["runs"],
        request=None,
        parameters=[_KEY],
        responses={200: RunShape},
        extensions=_fails("unknown_run", "wrong_state", *WITH_A_KEY),
    )
    @idempotent
    def post(self, request: Request, model: str, run: str) -> Response:
        """Cancel a queued or running run."""
        return _json(RunShape.of(run_cancel(model=model, run_id=run, actor=Actor.person(request.user))))


def _particulars(asked: DecisionRequest) -> dict[str, Any]:
    """What some decisions want to know beside who, why and on which sight."""
    particulars: dict[str, Any] = {}
    if asked.action in _MAKES_SERVE:
        particulars["confirmed"] = Confirmed(asked.confirm_incompatible, asked.confirm_rolled_back)
    if asked.share is not None:
        particulars["share"] = asked.share
    if asked.plan is not None:
        particulars["plan"] = asked.plan.plan
    return particulars


def _json(shape: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(shape.model_dump(mode="json"), status=status, headers=headers)
