"""Approve, reject, request changes, ask again, roll back, retire: guard, write, audit.

Permission, record and change are one transaction (`deciding`). Decisions about canaries and shadows stand in `canaries`
and `shadows`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions.models import Deployment
from registry_ui.errors import ReasonRequired, WrongState
from registry_ui.models import ApprovalRequest, Decision, ModelVersion
from registry_ui.selectors import champion_get, is_former_champion, previous_champion, version_get
from registry_ui.services.access import APPROVE, REQUEST, ROLL_BACK, Actor
from registry_ui.services.approvals import approval_decide, approval_open
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.deployments import champion_swap, generation_check
from registry_ui.services.evidence import evidence_freeze
from registry_ui.services.notifications import decision_notify
from registry_ui.services.outbox import mirror_request
from registry_ui.services.preconditions import (
    NOTHING,
    Confirmed,
    require_acknowledged,
    require_bundle,
    require_compatible,
    require_no_freeze,
)

REASON_LENGTH = 2_000
_Action, _State, _Status = Decision.Action, ApprovalRequest.State, ModelVersion.Status


def version_approve(
    *,
    model: str,
    number: int,
    actor: Actor,
    reason: str,
    expected_generation: int,
    confirmed: Confirmed = NOTHING,
) -> Decision:
    """Put a waiting version live."""
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        require_waiting(version, "approved")
        evidence = going_live_checked(version, confirmed)
        approval = approval_decide(version=version, state=_State.APPROVED, actor=actor)
        after = _swap(version, expected_generation, f"approved by {actor.name}")
        return ground.take(version, _Action.APPROVE, after=after, evidence=evidence | approval_evidence(approval))


def version_reject(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Turn a waiting version down. What serves stays."""
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        require_waiting(version, "rejected")
        approval = approval_decide(version=version, state=_State.REJECTED, actor=actor)
        version_turn_down(version=version)
        return ground.take(version, _Action.REJECT, evidence=approval_evidence(approval))


def version_request_changes(
    *, model: str, number: int, actor: Actor, reason: str, expected_generation: int
) -> Decision:
    """Send a waiting version back to who asked, with what to change. It waits again once somebody asks again."""
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        require_waiting(version, "sent back")
        approval = approval_decide(version=version, state=_State.CHANGES, actor=actor)
        version.status = _Status.CHANGES
        version.save(update_fields=["status"])
        return ground.take(version, _Action.REQUEST_CHANGES, evidence=approval_evidence(approval))


def version_ask_again(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Ask for a decision about a version that was sent back (`reason` answers what was asked), or a former champion.

    The latter, usually one that was rolled back from, can then be rejected, tried as a canary or approved again.
    """
    with deciding(REQUEST, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        if version.status != _Status.CHANGES and not is_former_champion(version):
            raise WrongState(
                f"{version} was neither sent back nor served before: it is {version.get_status_display().lower()}.",
                details={"model": model, "version": number, "status": version.status},
            )
        approval = approval_open(version=version, requested_by=actor.name)
        version.status, version.stage = _Status.WAITING, ModelVersion.Stage.STAGING
        version.save(update_fields=["status", "stage"])
        return ground.take(version, _Action.REOPEN, evidence=approval_evidence(approval))


def champion_roll_back(
    *,
    model: str,
    actor: Actor,
    reason: str,
    expected_generation: int,
    number: int | None = None,
    confirmed: Confirmed = NOTHING,
    figures: Mapping[str, Any] | None = None,
) -> Decision:
    """Let the previous champion serve again, or the former champion `number`; `figures` say what the present one did.

    It needs the permission alone: neither four eyes nor a freeze stand in the way back.
    """
    with deciding(ROLL_BACK, model, actor, reason, expected_generation) as ground:
        target = _roll_back_target(model, number)
        require_bundle(target)
        evidence = require_acknowledged(target, confirmed) | ({} if figures is None else {"trial": dict(figures)})
        return ground.take(
            target,
            _Action.ROLL_BACK,
            after=_swap(target, expected_generation, f"rolled back by {actor.name}"),
            evidence=evidence,
        )


def champion_retire(
    *, model: str, actor: Actor, reason: str, expected_generation: int, number: int | None = None
) -> Decision:
    """Take the champion, version `number` where given, out of service and put nothing in its place.

    The API answers 503 from then on.
    """
    with deciding(ROLL_BACK, model, actor, reason, expected_generation) as ground:
        version = champion_get(model=model)
        if version is None or number not in (None, version.number):
            said = f"No version of {model} is live." if number is None else f"{model} version {number} is not live."
            raise WrongState(said, details={"model": model})
        after = champion_swap(
            model=model, to=None, expected_generation=expected_generation, cause=f"retired by {actor.name}"
        )
        return ground.take(version, _Action.RETIRE, after=after)


@dataclass(frozen=True)
class Ground:
    """What a decision stands on: the model's row, locked and at the generation that was seen, and who decides why."""

    deployment: Deployment
    actor: Actor
    reason: str

    def version(self, number: int) -> ModelVersion:
        return version_get(model=self.deployment.model, number=number)

    def take(
        self,
        version: ModelVersion,
        action: Decision.Action,
        *,
        after: int | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Record the decision and end the transaction with its audit entry. `after`: the generation, if it moved."""
        before = self.deployment.generation
        decision = decision_record(
            version=version,
            action=action,
            actor=self.actor,
            reason=self.reason,
            before=before,
            after=before if after is None else after,
            evidence=evidence,
        )
        audit_append(events=[decision_event(decision)])
        return decision


@contextmanager
def deciding(permission: str, model: str, actor: Actor, reason: str, expected_generation: int) -> Iterator[Ground]:
    """The recipe of every decision: permission, reason, then what the block does and its record in one transaction.

    PermissionRefused, ReasonRequired, UnknownModel, StaleGeneration. The block ends with `Ground.take`.
    """
    actor.require(permission, model)
    reason = reason_checked(reason)
    with transaction.atomic():
        yield Ground(generation_check(model=model, expected=expected_generation), actor, reason)


def decision_record(
    *,
    version: ModelVersion,
    action: Decision.Action,
    actor: Actor,
    reason: str,
    before: int,
    after: int,
    evidence: Mapping[str, Any] | None = None,
) -> Decision:
    """The decision's row and its note for the mirror. The caller appends `decision_event` as the transaction's end."""
    decision = Decision.objects.create(
        model=version.model,
        version=version,
        action=action,
        actor=actor.name,
        reason=reason,
        generation_before=before,
        generation_after=after,
        evidence={
            "bundle_hash": version.bundle_hash,
            "data_hash": version.data_hash,
            "recommendation": version.recommendation,
            "frozen_sha256": evidence_freeze(version, generation=before),
            **(evidence or {}),
        },
    )
    mirror_request(model=version.model, cause=str(decision))
    decision_notify(decision=decision)
    return decision


def decision_event(decision: Decision) -> Event:
    """The audit entry of a decision; the evidence stands in the decision's own row, sealed here by its hash."""
    return Event(
        actor=decision.actor,
        action=f"version.{decision.action}",
        model=decision.model,
        subject=str(decision.version),
        details={
            "decision": decision.pk,
            "reason": decision.reason,
            "generation": [decision.generation_before, decision.generation_after],
            "evidence_sha256": sha256_hex(canonical_json(decision.evidence)),
            "frozen_sha256": decision.evidence["frozen_sha256"],
        },
    )


def version_turn_down(*, version: ModelVersion) -> None:
    version.status, version.stage = _Status.REJECTED, ModelVersion.Stage.ARCHIVED
    version.save(update_fields=["status", "stage"])


def approval_evidence(approval: ApprovalRequest) -> dict[str, Any]:
    """Whose request was decided, and whether four eyes were asked for."""
    asked = {"started_by": approval.started_by, "requested_by": approval.requested_by}
    return {"approval": {"request": approval.pk, "four_eyes": approval.four_eyes, **asked}}


def going_live_checked(version: ModelVersion, confirmed: Confirmed) -> dict[str, Any]:
    """Every precondition of a new champion, and what the decision records of them."""
    require_bundle(version)
    require_no_freeze(version)
    return require_acknowledged(version, confirmed) | require_compatible(version, confirmed)


def require_waiting(version: ModelVersion, wanted: str) -> None:
    """WrongState, with what can be done instead, for a version that does not wait for a decision."""
    if version.status == _Status.WAITING:
        return
    advice = "Look at its history."
    if version.status == _Status.APPROVED and version.stage != ModelVersion.Stage.PRODUCTION:
        advice = "Roll back to it, or ask for a decision about it first."
    elif version.status == _Status.CANARY:
        advice = "Promote the canary, or end it first."
    elif version.status == _Status.CHANGES:
        advice = "Somebody has to ask again first."
    raise WrongState(
        f"{version} cannot be {wanted}: it is {version.get_status_display().lower()}.",
        advice=advice,
        details={"model": version.model, "version": version.number, "status": version.status},
    )


def reason_checked(reason: str) -> str:
    """The reason without surrounding space; ReasonRequired where nothing or too much is left."""
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_LENGTH or "\x00" in reason:
        raise ReasonRequired(
            "A decision needs a reason.",
            advice=f"Say why in 1 to {REASON_LENGTH} characters.",
            details={"field": "reason"},
        )
    return reason


def _swap(version: ModelVersion, expected_generation: int, cause: str) -> int:
    return champion_swap(model=version.model, to=version, expected_generation=expected_generation, cause=cause)


def _roll_back_target(model: str, number: int | None) -> ModelVersion:
    if number is None:
        target = previous_champion(model=model)
        if target is None:
            raise WrongState(f"No version of {model} served before this one.", details={"model": model})
        return target
    version = version_get(model=model, number=number)
    if not is_former_champion(version):
        raise WrongState(
            f"{version} is not a former champion.",
            advice="A roll back goes to a version that served before.",
            details={"model": model, "version": number},
        )
    return version
