"""Decisions about canaries: a version that answers a share of the entities, approved like a champion."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from predictions.models import Deployment
from registry_ui.errors import InvalidShare, WrongState
from registry_ui.models import ApprovalRequest, Decision, ModelVersion
from registry_ui.services.access import APPROVE, ROLL_BACK, Actor
from registry_ui.services.approvals import approval_decide
from registry_ui.services.decisions import (
    Ground,
    approval_evidence,
    deciding,
    going_live_checked,
    require_waiting,
)
from registry_ui.services.deployments import canary_clear, canary_set, champion_swap
from registry_ui.services.preconditions import (
    NOTHING,
    Confirmed,
    require_acknowledged,
    require_bundle,
    require_compatible_canary,
    require_no_freeze,
)
from registry_ui.services.trials import CanaryPlan, canary_trial_begin, plan_rules

Figures = Mapping[str, Any]
_Action, _State = Decision.Action, ApprovalRequest.State


def version_set_canary(
    *,
    model: str,
    number: int,
    actor: Actor,
    reason: str,
    expected_generation: int,
    share: float | None = None,
    plan: CanaryPlan | None = None,
    confirmed: Confirmed = NOTHING,
    figures: Figures | None = None,
) -> Decision:
    """Let a waiting version answer `share` of the entities, or change the canary's share. Another canary ends.

    A smaller share of the same canary is a step back, which a freeze does not stop. With a `plan` it goes on by itself,
    where no share is given from the plan's first step; with `figures` it does so now, which its plan has approved.
    """
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        if plan is not None:
            share = plan_rules(version, plan).steps[0] if share is None else share
        share = _share_checked(ground.deployment, share)
        acknowledged = _canary_checked(ground.deployment, version, share, confirmed)
        approved = {} if figures is not None else _approved(version, _State.CANARY, actor)
        before = {"share_before": ground.deployment.canary_share, "canary_before": ground.deployment.canary_version}
        cause = f"canary at {share:.4g} by {actor.name}"
        after = canary_set(version=version, share=share, expected_generation=expected_generation, cause=cause)
        beside = ground.deployment.champion_version or 0
        trial = canary_trial_begin(
            version=version, beside=beside, generation=after, share=share, plan=plan, actor=actor
        )  # fmt: skip
        planned = {} if plan is None else {"plan": {name: trial.rules[name] for name in asdict(plan)}}
        return ground.take(
            version,
            _Action.SET_CANARY,
            after=after,
            evidence={"share": share, **before, **acknowledged, **approved, **planned, **_told(figures)},
        )


def canary_promote(
    *,
    model: str,
    number: int,
    actor: Actor,
    reason: str,
    expected_generation: int,
    confirmed: Confirmed = NOTHING,
    figures: Figures | None = None,
) -> Decision:
    """Let the canary answer everybody: it is the champion then. `figures` are those of its trial."""
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = _canary(ground, number)
        evidence = going_live_checked(version, confirmed)
        approved = _approved(version, _State.APPROVED, actor)
        cause = f"canary promoted by {actor.name}"
        after = champion_swap(model=model, to=version, expected_generation=expected_generation, cause=cause)
        return ground.take(
            version,
            _Action.PROMOTE_CANARY,
            after=after,
            evidence={"share": ground.deployment.canary_share, **evidence, **approved, **_told(figures)},
        )


def canary_end(
    *, model: str, number: int, actor: Actor, reason: str, expected_generation: int, figures: Figures | None = None
) -> Decision:
    """Let the champion answer everybody again. It needs the permission to roll back; the version waits again."""
    with deciding(ROLL_BACK, model, actor, reason, expected_generation) as ground:
        version = _canary(ground, number)
        cause = f"canary ended by {actor.name}"
        after = canary_clear(model=model, expected_generation=expected_generation, cause=cause)
        evidence = {"share": ground.deployment.canary_share, **_told(figures)}
        return ground.take(version, _Action.END_CANARY, after=after, evidence=evidence)


def _approved(version: ModelVersion, state: ApprovalRequest.State, actor: Actor) -> dict[str, Any]:
    return approval_evidence(approval_decide(version=version, state=state, actor=actor))


def _told(figures: Figures | None) -> dict[str, Any]:
    return {} if figures is None else {"trial": dict(figures)}


def _canary_checked(
    deployment: Deployment, version: ModelVersion, share: float, confirmed: Confirmed
) -> dict[str, Any]:
    """Every precondition of a canary at this share, and what the decision records of them."""
    is_canary = deployment.canary_version == version.number
    if not is_canary:
        require_waiting(version, "a canary")
    if not is_canary or share > (deployment.canary_share or 0.0):
        require_no_freeze(version)
    require_bundle(version)
    require_compatible_canary(version)
    return require_acknowledged(version, confirmed)


def _canary(ground: Ground, number: int) -> ModelVersion:
    version, deployment = ground.version(number), ground.deployment
    if deployment.canary_version != number:
        raise WrongState(
            f"{version} is not the canary.",
            advice="Look at what serves now.",
            details={"model": deployment.model, "version": number, "canary": deployment.canary_version},
        )
    return version


def _share_checked(deployment: Deployment, share: float | None) -> float:
    if share is None or not 0.0 < share < 1.0:
        raise InvalidShare(
            "A canary needs a share, or a plan." if share is None else f"A canary cannot answer a share of {share:g}.",
            advice="Give a share between 0 and 1, both excluded.",
            details={"field": "share"},
        )
    if deployment.champion_version is None:
        raise WrongState(
            f"No version of {deployment.model} is live: there is nothing to try a canary beside.",
            advice="Approve the version instead.",
            details={"model": deployment.model},
        )
    return share
