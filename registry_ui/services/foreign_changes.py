"""What a person does about a foreign change: adopt it by the decision that it stands for, or write ours back.

Nothing is decided here: adopting calls the same services as the buttons of the review page, with their permissions,
guards and records, and is refused where the registry has no such decision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.utils import timezone

from registry_ui.errors import WrongState
from registry_ui.models import Decision, ForeignChange, MirrorState, ModelVersion
from registry_ui.selectors import is_former_champion, version_get
from registry_ui.services.access import APPROVE, Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.decisions import (
    champion_retire,
    champion_roll_back,
    reason_checked,
    version_approve,
    version_reject,
)
from registry_ui.services.deployments import generation_check
from registry_ui.services.outbox import mirror_request

_State, _Stage = ForeignChange.State, ModelVersion.Stage


@dataclass(frozen=True)
class Adoption:
    """What adopting means, in words, and the service that decides it; `version` is the one to look at before.

    `serves`: it changes what callers get.
    """

    meaning: str
    decide: Callable[..., Decision]
    version: ModelVersion | None = None
    serves: bool = False


def foreign_change_revert(*, change_id: int, actor: Actor, reason: str) -> ForeignChange:
    """Let the mirror write ours back. What serves was never touched by the change and is not by this."""
    change = ForeignChange.objects.get(pk=change_id)
    actor.require(APPROVE, change.model)
    reason = reason_checked(reason)
    with transaction.atomic():
        state = MirrorState.objects.select_for_update().get(model=change.model)
        _settle(change, _State.REVERTED, actor, reason)
        # From now on what stands there counts as ours, and so is the mirror's to overwrite.
        state.written, state.revision = {**state.written, change.key: change.theirs}, state.revision + 1
        state.save(update_fields=["written", "revision"])
        mirror_request(model=change.model, cause=f"{change} reverted by {actor.name}")
        audit_append(events=[_event(change, actor, reason)])
    return change


def foreign_change_adopt(*, change_id: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Decide here what was done there. WrongState where the registry has no such decision, and says what to do."""
    change = ForeignChange.objects.get(pk=change_id)
    actor.require(APPROVE, change.model)
    reason = reason_checked(reason)
    with transaction.atomic():
        generation_check(model=change.model, expected=expected_generation)
        _settle(change, _State.ADOPTED, actor, reason)
        decision = adoption(change=change).decide(
            model=change.model, actor=actor, reason=reason, expected_generation=expected_generation
        )
        audit_append(events=[_event(change, actor, reason, decision=decision.pk)])
    return decision


def _settle(change: ForeignChange, state: ForeignChange.State, actor: Actor, reason: str) -> None:
    """Close the row for one person: of two clicks, the second finds what happened."""
    done = {"state": state, "resolved_by": actor.name, "resolved_at": timezone.now(), "reason": reason}
    closed = ForeignChange.objects.filter(pk=change.pk, state=_State.OPEN).update(**done)
    change.refresh_from_db()
    if not closed:
        raise WrongState(
            f"This change is settled: {change.get_state_display().lower()} by {change.resolved_by}.",
            advice=change.reason,
            details={"change": change.pk, "state": change.state},
        )


def adoption(*, change: ForeignChange) -> Adoption:
    """The decision that the change stands for; WrongState where there is none."""
    if change.key == "alias:champion":
        return _promotion(change, change.theirs) if change.theirs else _retirement(change)
    if change.kind == ForeignChange.Kind.STAGE and change.theirs == _Stage.PRODUCTION:
        return _promotion(change, change.name)
    if change.kind == ForeignChange.Kind.STAGE and change.theirs == _Stage.ARCHIVED:
        version = version_get(model=change.model, number=int(change.name))
        if version.status == ModelVersion.Status.WAITING:
            return Adoption(f"reject {version}", partial(version_reject, number=version.number), version)
    raise WrongState(
        f"The {change.subject} as {change.theirs_in_words} is no decision of the registry.",
        advice=f"{_advice(change)} Or revert it.",
        details={"change": change.pk},
    )


def _promotion(change: ForeignChange, number: str) -> Adoption:
    """A former champion is rolled back to, any other version has to pass an approval."""
    if not number.isdecimal():
        raise WrongState(
            f"The {change.subject} names a version that is not in the registry.",
            advice="Sync, and look on the model's page why it was not imported. Or revert it.",
            details={"change": change.pk},
        )
    version = version_get(model=change.model, number=int(number))
    if is_former_champion(version):
        decide = partial(champion_roll_back, number=version.number)
        return Adoption(f"roll back to {version}", decide, version, serves=True)
    return Adoption(f"approve {version}", partial(version_approve, number=version.number), version, serves=True)


def _retirement(change: ForeignChange) -> Adoption:
    return Adoption(f"retire what serves {change.model} without a successor", champion_retire, serves=True)


def _advice(change: ForeignChange) -> str:
    if change.key == "alias:challenger":
        return "The challenger is always the newest version that waits: decide about the waiting ones."
    if change.key == "alias:canary":
        return "A canary needs a share of the callers, which MLflow does not hold: set it on the version's page."
    return "Decide on the version's page instead: approve, reject, roll back or retire."


def _event(change: ForeignChange, actor: Actor, reason: str, **more: object) -> Event:
    return Event(
        actor=actor.name,
        action=f"mirror.{change.state}",
        model=change.model,
        subject=str(change),
        details={"change": change.pk, "reason": reason, "ours": change.ours, "theirs": change.theirs, **more},
    )
