"""The guard over versions on trial: looks at each, and does what its rules say, as a recorded decision like any other.

A canary that its plan lets go on is raised and promoted by `system:canary`, and ended by it where it does harm; a new
champion that does harm is rolled back by `system:rollback`. After that nothing moves the model by itself until a person
has decided.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from ml_pipeline.spec.rollout import Rollout
from predictions.models import Deployment
from registry_ui.errors import Frozen, IncompatibleInputs, PermissionRefused, Troubled, WrongState
from registry_ui.models import GuardRound, VersionTrial
from registry_ui.rules import rollout_of
from registry_ui.selectors import (
    automatic_hold,
    fault_of,
    new_champions,
    previous_champion,
    rollbacks_lately,
    trials_open,
    version_get,
)
from registry_ui.services.access import Actor
from registry_ui.services.canaries import canary_end, canary_promote, version_set_canary
from registry_ui.services.decisions import champion_roll_back
from registry_ui.services.deployments import deployment_lock
from registry_ui.services.notifications import held_notify
from registry_ui.services.trial_figures import trial_figures, trial_looked
from registry_ui.services.trials import require_other_eyes, trial_begin, trial_end, trial_step
from registry_ui.trial_signals import Verdict, verdict

CANARY_GUARD, ROLLBACK_GUARD = Actor.system("canary"), Actor.system("rollback")
_Kind, _State = VersionTrial.Kind, VersionTrial.State
_log = structlog.get_logger(__name__)


def rollouts_look() -> int:
    """Begin the trials that are wanting, and look at each open one; how many. One that fails holds up no other."""
    _begin_missing()
    looked_at = 0
    for key, model in trials_open().order_by("model", "kind").values_list("pk", "model"):
        try:
            with transaction.atomic():
                deployment = deployment_lock(model=model)  # the first lock of every decision, so also here
                trial = trials_open().select_for_update().filter(pk=key).first()
                if trial is not None:
                    _look(trial, deployment)
                    looked_at += 1
        except Exception:  # of one model: the others are looked at all the same
            _log.exception("trial_not_looked_at", model=model, trial=key)
    GuardRound.objects.update_or_create(pk=GuardRound.ONLY, defaults={"ended_at": timezone.now()})
    return looked_at


def _begin_missing() -> None:
    """A champion that a person or a policy put live lately, and a canary from before there were trials."""
    for decision in new_champions():
        previous = previous_champion(model=decision.model)
        if previous is not None:
            trial_begin(
                kind=_Kind.CHAMPION,
                version=decision.version,
                beside=previous.number,
                generation=decision.generation_after,
                rules=rollout_of(decision.version),
                at=decision.created_at,
            )
    with_trial = trials_open().filter(kind=_Kind.CANARY).values("model")
    for deployment in Deployment.objects.filter(canary_version__isnull=False).exclude(model__in=with_trial):
        _canary_begin(deployment)


def _canary_begin(deployment: Deployment) -> None:
    version = version_get(model=deployment.model, number=deployment.canary_version or 0)
    trial = trial_begin(
        kind=_Kind.CANARY,
        version=version,
        beside=deployment.champion_version or 0,
        generation=deployment.generation,
        rules=rollout_of(version),
    )
    trial_step(trial, share=deployment.canary_share or 0.0)
    trial.save()


def _look(trial: VersionTrial, deployment: Deployment) -> None:
    if not _still_serves(trial, deployment):
        trial_end(trial, state=_State.ENDED, says="Another decision ended it.")
        return
    rules = Rollout.model_validate(trial.rules)
    trial_looked(trial, rules)
    found = _harm(trial, rules)
    if found is not None:
        _stop(trial, deployment, rules, found)
    elif trial.kind == _Kind.CHAMPION:
        _watch(trial, rules)
    else:
        _go_on(trial, deployment, rules)
    trial.save()


def _still_serves(trial: VersionTrial, deployment: Deployment) -> bool:
    if trial.kind == _Kind.CHAMPION:
        return deployment.champion_version == trial.version and trial.bundle == deployment.champion_bundle
    return (deployment.canary_version, deployment.champion_version) == (trial.version, trial.beside)


def _harm(trial: VersionTrial, rules: Rollout) -> Verdict | None:
    """A bundle that cannot be loaded, or what the signals prove."""
    if (fault := fault_of(model=trial.model, bundle=trial.bundle)) is not None:
        return Verdict("not_loaded", f"It cannot be loaded: {fault}")
    return verdict(
        trial.signals,
        against_record=trial.kind == _Kind.CHAMPION,
        alpha=rules.alpha,
        error_share=rules.error_share,
    )


def _stop(trial: VersionTrial, deployment: Deployment, rules: Rollout, found: Verdict) -> None:
    """End the canary or roll the champion back, or ask a person where the rules leave it to one."""
    if not rules.automatic_rollback:
        _hold(trial, found.signal, f"{found.reason} Nothing is taken back by itself: the rollout says so.")
        return
    figures = trial_figures(trial, rules, signal=found.signal)
    given: dict[str, Any] = {
        "model": trial.model,
        "reason": f"Worse than version {trial.beside}: {found.reason}"[:2_000],
        "expected_generation": deployment.generation,
        "figures": figures,
    }
    if trial.kind == _Kind.CANARY:
        stopped = _decided(trial, lambda: canary_end(number=trial.version, actor=CANARY_GUARD, **given))
    elif (obstacle := _no_rollback(trial, rules)) is not None:
        _hold(trial, found.signal, f"{found.reason} {obstacle}")
        return
    else:
        stopped = _decided(trial, lambda: champion_roll_back(number=trial.beside, actor=ROLLBACK_GUARD, **given))
    if stopped:
        trial_end(trial, state=_State.STOPPED, says=found.reason)


def _no_rollback(trial: VersionTrial, rules: Rollout) -> str | None:
    """Why the guard does not roll back, or None: too often today, or there is no way back that it may take."""
    if (times := rollbacks_lately(model=trial.model)) >= rules.rollbacks_per_day:
        return f"It was rolled back {times} times in 24 hours: a person decides now."
    previous = previous_champion(model=trial.model)
    if previous is None or previous.number != trial.beside:
        return f"Version {trial.beside} is not the version to go back to any more: a person decides."
    return None


def _watch(trial: VersionTrial, rules: Rollout) -> None:
    until = trial.started_at + timedelta(hours=rules.watch_hours)
    if timezone.now() >= until or trial.calls >= rules.watch_requests:
        trial_end(trial, state=_State.PASSED, says=f"Nothing was found in {trial.calls} requests.")
    elif trial.state == _State.RUNNING:
        trial.says = f"Watched until {until:%Y-%m-%d %H:%M} UTC, or {rules.watch_requests:,} requests."


def _go_on(trial: VersionTrial, deployment: Deployment, rules: Rollout) -> None:
    """The next step of the plan, where it is due; else what it waits for."""
    share = deployment.canary_share or 0.0
    if share != trial.share:  # a person moved it
        trial_step(trial, share=share)
    if trial.state != _State.RUNNING:
        return
    if not trial.planned_by:
        trial.says = "Its share stays as it is until a person changes it."
        return
    following = next((step for step in rules.steps if step > share), None)
    goal = f"then {100 * following:.4g} % of the entities" if following else "then it is " + _last(rules)
    minutes = int((timezone.now() - trial.step_at).total_seconds() // 60)
    calls = trial.calls - trial.step_calls
    waited = f"{minutes} of {rules.step_minutes} minutes and {calls} of {rules.minimum_requests} requests"
    trial.says = f"{waited} at this share; {goal}."
    if minutes >= rules.step_minutes and calls >= rules.minimum_requests:
        _step(trial, deployment, rules, following)


def _last(rules: Rollout) -> str:
    return "promoted" if rules.promote else "a person's to promote"


def _step(trial: VersionTrial, deployment: Deployment, rules: Rollout, following: float | None) -> None:
    given: dict[str, Any] = {
        "model": trial.model,
        "number": trial.version,
        "actor": CANARY_GUARD,
        "expected_generation": deployment.generation,
        "figures": trial_figures(trial, rules),
    }
    plan = f"by the plan of {trial.planned_by}"
    calls, share = trial.calls - trial.step_calls, deployment.canary_share or 0.0
    if following is not None:
        reason = f"Raised {plan}: nothing was found in {calls} requests at {100 * share:.4g} %."
        if _decided(trial, lambda: version_set_canary(share=following, reason=reason, **given)):
            trial_step(trial, share=following)
            trial.says = f"Raised to {100 * following:.4g} % of the entities."
    elif not rules.promote:
        _hold(
            trial, "passed", f"Every step is passed, {trial.calls} requests in all: a person promotes it, or ends it."
        )
    elif (held := automatic_hold(model=trial.model, cool_down_hours=rules.cool_down_hours)) is not None:
        trial.says = f"Every step is passed. {held}."
    elif _decided(trial, lambda: _promoted(trial, f"Promoted {plan}: every step is passed.", given)):
        trial_end(trial, state=_State.PASSED, says="Promoted by its plan.")


def _promoted(trial: VersionTrial, reason: str, given: dict[str, Any]) -> None:
    """Under four eyes the plan is the second person's: who set it must not have asked for the version."""
    require_other_eyes(version_get(model=trial.model, number=trial.version), trial.planned_by)
    canary_promote(reason=reason, **given)


def _decided(trial: VersionTrial, decide: Callable[[], object]) -> bool:
    """Whether it could be taken. A freeze ends by itself; anything else that refuses it waits for a person."""
    try:
        with transaction.atomic():
            decide()
    except Frozen as refusal:
        trial.says = str(refusal)
    except (IncompatibleInputs, PermissionRefused, Troubled, WrongState) as refusal:
        _hold(trial, refusal.code, str(refusal))
    else:
        return True
    return False


def _hold(trial: VersionTrial, why: str, says: str) -> None:
    """Leave it to a person, who is told once for each reason."""
    trial.state, trial.says = _State.HELD, says
    held_notify(trial=trial, why=why)
