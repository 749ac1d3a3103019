"""Trials as rows: begun with a canary or a new champion, planned, paused and gone on with by people, ended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from ml_pipeline.spec.rollout import Rollout
from registry_ui.errors import FourEyesRefused, InvalidPlan, WrongState
from registry_ui.models import ModelVersion, VersionTrial
from registry_ui.rules import four_eyes_in_force, rollout_of
from registry_ui.selectors import current_approval, four_eyes_switch, trials_open, version_get
from registry_ui.services.access import APPROVE, Actor, refused
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.decisions import reason_checked
from registry_ui.services.deployments import generation_check

_Kind, _State = VersionTrial.Kind, VersionTrial.State


@dataclass(frozen=True)
class CanaryPlan:
    """How a canary goes on by itself; what is None is as the version declares it."""

    steps: Sequence[float] | None = None
    step_minutes: int | None = None
    minimum_requests: int | None = None
    promote: bool | None = None


def plan_rules(version: ModelVersion, plan: CanaryPlan) -> Rollout:
    """The version's rollout with the plan over it; InvalidPlan."""
    given = {name: value for name, value in asdict(plan).items() if value is not None}
    try:
        return Rollout.model_validate({**rollout_of(version).model_dump(mode="json"), **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"][:1]) or "steps"
        raise InvalidPlan(
            f"Such a plan cannot be followed: {field}: {first['msg'].removeprefix('Value error, ')}.",
            advice="Give rising shares between 0 and 1, and whole minutes and requests.",
            details={"field": field},
        ) from error


def canary_trial_begin(
    *, version: ModelVersion, beside: int, generation: int, share: float, plan: CanaryPlan | None, actor: Actor
) -> VersionTrial:
    """Begin, or go on with, the trial of a canary, inside the caller's transaction.

    With a plan its actor has approved all its steps.
    """
    trial = trials_open(model=version.model).filter(kind=_Kind.CANARY, version=version.number, beside=beside).first()
    rules = rollout_of(version) if plan is None else plan_rules(version, plan)
    if trial is None:
        trial = trial_begin(kind=_Kind.CANARY, version=version, beside=beside, generation=generation, rules=rules)
    elif plan is not None:
        trial.rules = rules.model_dump(mode="json")
    if plan is not None:
        trial.planned_by, trial.state = actor.name, _State.RUNNING
    if trial.share != share:
        trial_step(trial, share=share)
    trial.save()
    return trial


def trial_begin(
    *, kind: VersionTrial.Kind, version: ModelVersion, beside: int, generation: int, rules: Rollout,
    at: datetime | None = None,
) -> VersionTrial:  # fmt: skip
    """A new trial, from `at` on; that of another version of the kind ends."""
    at = at or timezone.now()
    for other in trials_open(model=version.model).filter(kind=kind):
        trial_end(other, state=_State.ENDED, says="Another version took its place.")
    return VersionTrial.objects.create(
        model=version.model,
        kind=kind,
        version=version.number,
        bundle=version.bundle_hash,
        beside=beside,
        generation=generation,
        rules=rules.model_dump(mode="json"),
        step_at=at,
        started_at=at,
    )


def trial_step(trial: VersionTrial, *, share: float) -> None:
    """The share of now, from which time and requests of the step count. The caller saves."""
    trial.share, trial.step_at, trial.step_calls = share, timezone.now(), trial.calls


def trial_end(trial: VersionTrial, *, state: VersionTrial.State, says: str) -> None:
    trial.state, trial.says, trial.ended_at = state, says, timezone.now()
    trial.save()


def canary_plan_set(
    *, model: str, number: int, actor: Actor, reason: str, expected_generation: int, plan: CanaryPlan
) -> VersionTrial:
    """Let the canary go on by itself from now on; who sets the plan approves its steps, under the canary's four eyes.

    PermissionRefused, FourEyesRefused, ReasonRequired, StaleGeneration, WrongState, InvalidPlan.
    """
    with _changing(model, number, actor, reason, expected_generation, "canary.plan") as (trial, details):
        version = version_get(model=model, number=number)
        require_other_eyes(version, actor.name)
        trial.rules, trial.planned_by = plan_rules(version, plan).model_dump(mode="json"), actor.name
        trial.state, trial.step_at, trial.step_calls = _State.RUNNING, timezone.now(), trial.calls
        details |= {name: trial.rules[name] for name in asdict(plan)}
    return trial


def canary_pause(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> VersionTrial:
    """Let it stay at its share. It is still watched, and ended if it does harm."""
    with _changing(model, number, actor, reason, expected_generation, "canary.pause") as (trial, _):
        if trial.state != _State.RUNNING or not trial.planned_by:
            raise WrongState("This canary does not go on by itself.", details={"state": trial.state})
        trial.state = _State.PAUSED
    return trial


def canary_resume(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> VersionTrial:
    """Let it go on by its plan; the step that it stands on begins anew."""
    with _changing(model, number, actor, reason, expected_generation, "canary.resume") as (trial, _):
        if trial.state != _State.PAUSED:
            raise WrongState("This canary is not paused.", details={"state": trial.state})
        trial.state, trial.step_at, trial.step_calls = _State.RUNNING, timezone.now(), trial.calls
    return trial


def require_other_eyes(version: ModelVersion, name: str) -> None:
    """FourEyesRefused where `name` asked for the approval that the canary serves on."""
    approval = current_approval(version=version)
    switch = four_eyes_switch(model=version.model)
    if approval is not None and four_eyes_in_force(approval=approval, switch=switch) and name in approval.askers:
        error = FourEyesRefused(
            f"{name} started the run of {version} or asked for its approval: somebody else plans how far it goes.",
            advice="Ask another approver.",
            details={"rule": "four_eyes", "model": version.model, "version": version.number},
        )
        raise refused(error, actor=name)


@contextmanager
def _changing(
    model: str, number: int, actor: Actor, reason: str, expected_generation: int, action: str
) -> Iterator[tuple[VersionTrial, dict[str, Any]]]:
    """The recipe of what a person says about a canary's plan: permission, change and audit row in one transaction."""
    actor.require(APPROVE, model)
    reason = reason_checked(reason)
    with transaction.atomic():
        deployment = generation_check(model=model, expected=expected_generation)
        trial = trials_open(model=model).filter(kind=_Kind.CANARY, version=number).first()
        if trial is None or deployment.canary_version != number:
            raise WrongState(
                f"{model} version {number} is not a canary on trial.",
                advice="Look at what serves now.",
                details={"model": model, "version": number, "canary": deployment.canary_version},
            )
        details: dict[str, Any] = {"trial": trial.pk, "reason": reason}
        yield trial, details
        trial.save()
        subject = f"{model} version {number}"
        audit_append(events=[Event(actor=actor.name, action=action, model=model, subject=subject, details=details)])
