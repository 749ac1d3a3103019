"""The door to decisions about a version."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.idempotent import idempotent
from predictions.api.schema_errors import WITH_A_BODY, WITH_A_KEY
from registry_ui.api.base import BEFORE, KEY, as_json, before_given, fails, page_of
from registry_ui.api.decision_shapes import DecisionRequest, DecisionShape, DecisionsShape
from registry_ui.models import Decision
from registry_ui.selectors import version_get
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
from registry_ui.services.preconditions import Confirmed
from registry_ui.services.shadows import shadow_end, version_set_shadow

_DECISION_ERRORS = (
    "four_eyes", "reason_required", "invalid_share", "invalid_plan", "wrong_state", "stale_generation", "frozen",
    "incompatible_inputs", "rolled_back_before",
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
_MAKES_SERVE = {"approve", "set_canary", "promote_canary", "roll_back"}


class DecisionsView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/versions/<number>/decisions`"""

    @extend_schema(
        operation_id="list_decisions",
        tags=["registry"],
        parameters=[BEFORE],
        responses={200: DecisionsShape},
        extensions=fails("unknown_version", "invalid_request"),
    )
    def get(self, request: Request, model: str, number: str) -> Response:
        """Decisions about a version, newest first, at most 100; `older` is the address of those before."""
        version = version_get(model=model, number=int(number))
        Actor.person(request.user).require(VIEW, model)
        taken = version.decisions.select_related("version")
        if (before := before_given(request)) is not None:
            taken = taken.filter(pk__lt=before)
        shown, older = page_of(taken, request, last=lambda decision: decision.pk)
        decisions = [DecisionShape.of(one) for one in shown]
        return as_json(DecisionsShape(model=model, version=version.number, decisions=decisions, older=older))

    @extend_schema(
        operation_id="decide",
        tags=["registry"],
        request=DecisionRequest,
        parameters=[KEY],
        responses={201: DecisionShape},
        extensions=fails("unknown_version", *WITH_A_BODY, *WITH_A_KEY, *_DECISION_ERRORS),
    )
    @idempotent
    def post(self, request: Request, model: str, number: str) -> Response:
        """Decide about a version: approve it, try it as a canary or a shadow, roll back to it, and the like.

        `retire` names the version that serves. The permission to approve is needed on the model; for `roll_back`,
        `retire` and `end_canary` that to roll back, for `ask_again` (of a version that was sent back, or a former
        champion) that to request.
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
        return as_json(DecisionShape.of(decision), status=201)


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
