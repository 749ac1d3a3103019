"""Decisions about canaries: a version that answers a share of the entities, approved like a champion."""

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

_Action, _State = Decision.Action, ApprovalRequest.State


def version_set_canary(
    *,
    model: str,
    number: int,
    actor: Actor,
    reason: str,
    expected_generation: int,
    share: float,
    confirmed: Confirmed = NOTHING,
) -> Decision:
    """Let a waiting version answer `share` of the entities, or change the canary's share. Another canary ends.

    A smaller share of the same canary is a step back, which a freeze does not stop.
    """
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = ground.version(number)
        acknowledged = _canary_checked(ground.deployment, version, share, confirmed)
        approval = approval_decide(version=version, state=_State.CANARY, actor=actor)
        before = {"share_before": ground.deployment.canary_share, "canary_before": ground.deployment.canary_version}
        cause = f"canary at {share:.4g} by {actor.name}"
        after = canary_set(version=version, share=share, expected_generation=expected_generation, cause=cause)
        return ground.take(
            version,
            _Action.SET_CANARY,
            after=after,
            evidence={"share": share, **before, **acknowledged, **approval_evidence(approval)},
        )


def canary_promote(
    *,
    model: str,
    number: int,
    actor: Actor,
    reason: str,
    expected_generation: int,
    confirmed: Confirmed = NOTHING,
) -> Decision:
    """Let the canary answer everybody: it is the champion then."""
    with deciding(APPROVE, model, actor, reason, expected_generation) as ground:
        version = _canary(ground, number)
        evidence = going_live_checked(version, confirmed)
        approval = approval_decide(version=version, state=_State.APPROVED, actor=actor)
        cause = f"canary promoted by {actor.name}"
        after = champion_swap(model=model, to=version, expected_generation=expected_generation, cause=cause)
        return ground.take(
            version,
            _Action.PROMOTE_CANARY,
            after=after,
            evidence={"share": ground.deployment.canary_share, **evidence, **approval_evidence(approval)},
        )


def canary_end(*, model: str, number: int, actor: Actor, reason: str, expected_generation: int) -> Decision:
    """Let the champion answer everybody again. It needs the permission to roll back; the version waits again."""
    with deciding(ROLL_BACK, model, actor, reason, expected_generation) as ground:
        version = _canary(ground, number)
        cause = f"canary ended by {actor.name}"
        after = canary_clear(model=model, expected_generation=expected_generation, cause=cause)
        return ground.take(version, _Action.END_CANARY, after=after, evidence={"share": ground.deployment.canary_share})


def _canary_checked(
    deployment: Deployment, version: ModelVersion, share: float, confirmed: Confirmed
) -> dict[str, Any]:
    """Every precondition of a canary at this share, and what the decision records of them."""
    _require_share(deployment, share)
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


def _require_share(deployment: Deployment, share: float) -> None:
    if not 0.0 < share < 1.0:
        raise InvalidShare(
            f"A canary cannot answer a share of {share:g}.",
            advice="Give a share between 0 and 1, both excluded.",
            details={"field": "share"},
        )
    if deployment.champion_version is None:
        raise WrongState(
            f"No version of {deployment.model} is live: there is nothing to try a canary beside.",
            advice="Approve the version instead.",
            details={"model": deployment.model},
        )
