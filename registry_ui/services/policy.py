"""What a model's promotion policy says about an imported version, as a pure ruling that the import carries out."""

from dataclasses import dataclass

from predictions.models import Deployment
from registry_ui.models import Decision, ModelVersion
from registry_ui.rules import freeze_in_force, incompatible_inputs, rollout_of
from registry_ui.selectors import automatic_hold, champion_get, policy_holder, trouble_of
from registry_ui.services.candidate_files import Recommendation

_Status = ModelVersion.Status
_PERSONS_ALONE = {_Status.CHANGES, _Status.CANARY}


@dataclass(frozen=True)
class Ruling:
    """One decision that a policy takes: `policy:<policy>` does `action` for `reason`."""

    policy: str
    action: Decision.Action
    reason: str


@dataclass(frozen=True)
class Refusal:
    """Why no policy puts the version live: the rule, and what it says. A person may decide."""

    rule: str
    reason: str


def policy_rule(
    *, version: ModelVersion, recommendation: Recommendation, deployment: Deployment, elsewhere: bool
) -> Ruling | Refusal | None:
    """The policy's ruling, or the rule by which it leaves the version to a person; None where it has nothing to say.

    A version that missed its floors is turned down. The first version ever that passes them goes live, and with `auto`
    every one that is recommended. What a person turned down, sent back or tries as a canary stays theirs; what the
    floors turned down is looked at again when it passes them now.
    """
    if version.number == deployment.champion_version or _is_a_persons(version):
        return None
    missed = _missed_floors(recommendation)
    if missed:
        if version.status != _Status.WAITING:
            return None
        return Ruling("floors", Decision.Action.REJECT, f"Below the floors: {'; '.join(missed)}.")
    approval = _approval(recommendation, deployment)
    refusal = _obstacle(version, elsewhere) if isinstance(approval, Ruling) else approval
    if isinstance(approval, Ruling) and refusal is None:
        return approval
    if version.status == _Status.REJECTED:
        return Ruling("floors", Decision.Action.REOPEN, "It passes the floors that stand now.")
    return refusal


def _missed_floors(recommendation: Recommendation) -> list[str]:
    return [
        f"{name} is {_shown(value)}, the floor is {floor:g}"
        for name, floor in sorted(recommendation.promotion.floors.items())
        if (value := recommendation.metrics.get(name)) is None or value < floor
    ]


def _approval(recommendation: Recommendation, deployment: Deployment) -> Ruling | Refusal:
    """Would the policy put it live, if nothing stood in the way?"""
    promotion = recommendation.promotion
    if deployment.generation == 0:
        reason = "The first version of this model passes its floors."
        return Ruling("bootstrap", Decision.Action.APPROVE, reason)
    if promotion.mode == "manual":
        return Refusal("mode", "Promotion is manual: a person decides.")
    if recommendation.verdict != "promote":
        gain = f"a gain of more than {promotion.minimum_gain:g} in {promotion.metric}"
        return Refusal("minimum_gain", f"Promotion is automatic with {gain}, which it does not show.")
    reason = f"Promotion is automatic, and the candidate is better by {promotion.metric}."
    return Ruling("auto", Decision.Action.APPROVE, reason)


def _obstacle(version: ModelVersion, elsewhere: bool) -> Refusal | None:
    """What no policy passes by itself, the first of them."""
    if elsewhere:
        return Refusal("elsewhere", "It was trained elsewhere: no policy believes its claims.")
    if (held := freeze_in_force(version=version, holder=policy_holder(model=version.model))) is not None:
        return Refusal("freeze", f"{held}.")
    hours = rollout_of(version).cool_down_hours
    if (rolled_back := automatic_hold(model=version.model, cool_down_hours=hours)) is not None:
        return Refusal("cool_down", f"{rolled_back}.")
    if (trouble := trouble_of(version=version)) is not None:
        return Refusal("rolled_back", f"{trouble.actor} ended its service: “{trouble.reason}”.")
    if fields := incompatible_inputs(version=version, champion=champion_get(model=version.model)):
        named = ", ".join(sorted({field.field for field in fields}))
        return Refusal("inputs", f"It refuses inputs that the champion accepts: {named}.")
    return None


def _is_a_persons(version: ModelVersion) -> bool:
    return version.status in _PERSONS_ALONE or _turned_down_by_person(version)


def _turned_down_by_person(version: ModelVersion) -> bool:
    if version.status != _Status.REJECTED:
        return False
    last = version.decisions.filter(action=Decision.Action.REJECT).first()
    return last is not None and not last.actor.startswith("policy:")


def _shown(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4f}"
