"""Approve, reject, roll back, retire: guard, write, audit; permission, record and change in one transaction."""

from django.db import transaction

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions.bundle_store import has_bundle
from registry_ui.errors import ReasonRequired, WrongState
from registry_ui.models import Decision, ModelVersion
from registry_ui.selectors import champion_get, former_champions, previous_champion, version_get
from registry_ui.services.access import APPROVE, ROLL_BACK, Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.deployments import champion_swap, generation_check
from registry_ui.services.notifications import decision_notify
from registry_ui.services.outbox import mirror_request

REASON_LENGTH = 2_000


def version_approve(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Put a waiting version live."""
    actor.require(APPROVE, model=model)
    reason = _given(reason)
    with transaction.atomic():
        generation_check(model=model, expected=expected_generation)
        version = version_get(model=model, number=number)
        _require_waiting(version, "approved")
        _require_bundle(version)
        decision = decision_record(
            version=version,
            action=Decision.Action.APPROVE,
            actor=actor,
            reason=reason,
            before=expected_generation,
            after=_swap(version, expected_generation, f"approved by {actor.name}"),
        )
        audit_append(events=[decision_event(decision)])
    return decision


def version_reject(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Turn a waiting version down. What serves stays."""
    actor.require(APPROVE, model=model)
    reason = _given(reason)
    with transaction.atomic():
        generation_check(model=model, expected=expected_generation)
        version = version_get(model=model, number=number)
        _require_waiting(version, "rejected")
        version_turn_down(version=version)
        decision = decision_record(
            version=version,
            action=Decision.Action.REJECT,
            actor=actor,
            reason=reason,
            before=expected_generation,
            after=expected_generation,
        )
        audit_append(events=[decision_event(decision)])
    return decision


def champion_roll_back(
    *, model: str, actor: Actor, reason: str, expected_generation: int, number: int | None = None
) -> Decision:
    """Let the previous champion serve again, or the former champion `number`."""
    actor.require(ROLL_BACK, model=model)
    reason = _given(reason)
    with transaction.atomic():
        generation_check(model=model, expected=expected_generation)
        target = _roll_back_target(model, number)
        _require_bundle(target)
        decision = decision_record(
            version=target,
            action=Decision.Action.ROLL_BACK,
            actor=actor,
            reason=reason,
            before=expected_generation,
            after=_swap(target, expected_generation, f"rolled back by {actor.name}"),
        )
        audit_append(events=[decision_event(decision)])
    return decision


def champion_retire(*, model: str, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Take the champion out of service and put nothing in its place: the API answers 503 from then on."""
    actor.require(ROLL_BACK, model=model)
    reason = _given(reason)
    with transaction.atomic():
        generation_check(model=model, expected=expected_generation)
        version = champion_get(model=model)
        if version is None:
            raise WrongState(f"No version of {model} is live.", details={"model": model})
        after = champion_swap(
            model=model, to=None, expected_generation=expected_generation, cause=f"retired by {actor.name}"
        )
        decision = decision_record(
            version=version,
            action=Decision.Action.RETIRE,
            actor=actor,
            reason=reason,
            before=expected_generation,
            after=after,
        )
        audit_append(events=[decision_event(decision)])
    return decision


def decision_record(
    *,
    version: ModelVersion,
    action: Decision.Action,
    actor: Actor,
    reason: str,
    before: int,
    after: int,
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
        },
    )


def version_turn_down(*, version: ModelVersion) -> None:
    version.status, version.stage = ModelVersion.Status.REJECTED, ModelVersion.Stage.ARCHIVED
    version.save(update_fields=["status", "stage"])


def _given(reason: str) -> str:
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


def _require_waiting(version: ModelVersion, wanted: str) -> None:
    if version.status == ModelVersion.Status.WAITING:
        return
    former = version.status == ModelVersion.Status.APPROVED and version.stage != ModelVersion.Stage.PRODUCTION
    raise WrongState(
        f"{version} cannot be {wanted}: it is {version.get_status_display().lower()}.",
        advice="Roll back to it instead." if former else "Look at its history.",
        details={"model": version.model, "version": version.number, "status": version.status},
    )


def _require_bundle(version: ModelVersion) -> None:
    if not has_bundle(version.bundle_hash):
        raise WrongState(
            f"The bundle of {version} is not in the store.",
            advice="Import the version again.",
            details={"model": version.model, "version": version.number, "bundle_hash": version.bundle_hash},
        )


def _roll_back_target(model: str, number: int | None) -> ModelVersion:
    if number is None:
        target = previous_champion(model=model)
        if target is None:
            raise WrongState(f"No version of {model} served before this one.", details={"model": model})
        return target
    version = version_get(model=model, number=number)
    if version not in former_champions(model=model):
        raise WrongState(
            f"{version} is not a former champion.",
            advice="A roll back goes to a version that served before.",
            details={"model": model, "version": number},
        )
    return version
