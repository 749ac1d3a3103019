"""The door to what is on trial: how it fares, and a canary's plan."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.idempotent import idempotent
from predictions.api.schema_errors import WITH_A_BODY, WITH_A_KEY
from registry_ui.api.base import KEY, as_json, fails
from registry_ui.api.rollout_shapes import RolloutRequest, RolloutShape
from registry_ui.models import VersionTrial
from registry_ui.selectors import deployment_get, rollout_overview
from registry_ui.services.access import VIEW, Actor
from registry_ui.services.trials import canary_pause, canary_plan_set, canary_resume

_CHANGE: dict[str, Callable[..., VersionTrial]] = {
    "plan": canary_plan_set,
    "pause": canary_pause,
    "resume": canary_resume,
}


class RolloutView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/rollout`"""

    @extend_schema(operation_id="get_rollout", tags=["registry"], responses={200: RolloutShape}, extensions=fails())
    def get(self, request: Request, model: str) -> Response:
        """How the canary and the new champion fare, what the test says of them, and what they wait for."""
        deployment = deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        return as_json(RolloutShape.of(rollout_overview(deployment=deployment)))

    @extend_schema(
        operation_id="change_rollout",
        tags=["registry"],
        request=RolloutRequest,
        parameters=[KEY],
        responses={200: RolloutShape},
        extensions=fails(
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
        return as_json(RolloutShape.of(rollout_overview(deployment=deployment_get(model=model))))
