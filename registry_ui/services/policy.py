"""What a model's promotion policy says about an imported version, as a pure ruling that the import carries out."""

from dataclasses import dataclass

from predictions.models import Deployment
from registry_ui.models import Decision, ModelVersion
from registry_ui.services.candidate_files import Recommendation

_Status = ModelVersion.Status


@dataclass(frozen=True)
class Ruling:
    """One decision that a policy takes: `policy:<policy>` does `action` for `reason`."""

    policy: str
    action: Decision.Action
    reason: str


def policy_rule(*, version: ModelVersion, recommendation: Recommendation, deployment: Deployment) -> Ruling | None:
    """The policy's ruling; None where it leaves the version to a person or as it is.

    A version that missed its floors is turned down. The first version ever that passes them goes live, and with `auto`
    every one that is recommended. What a person turned down stays so; what the floors turned down is looked at again
    when it passes them now.
    """
    if version.number == deployment.champion_version or _turned_down_by_person(version):
        return None
    promotion = recommendation.promotion
    missed = [
        f"{name} is {_shown(value)}, the floor is {floor:g}"
        for name, floor in sorted(promotion.floors.items())
        if (value := recommendation.metrics.get(name)) is None or value < floor
    ]
    if missed:
        if version.status != _Status.WAITING:
            return None
        return Ruling("floors", Decision.Action.REJECT, f"Below the floors: {'; '.join(missed)}.")
    if deployment.generation == 0:
        reason = "The first version of this model passes its floors."
        return Ruling("bootstrap", Decision.Action.APPROVE, reason)
    if promotion.mode == "auto" and recommendation.verdict == "promote":
        reason = f"Promotion is automatic, and the candidate is better by {promotion.metric}."
        return Ruling("auto", Decision.Action.APPROVE, reason)
    if version.status == _Status.REJECTED:
        return Ruling("floors", Decision.Action.REOPEN, "It passes the floors that stand now.")
    return None


def _turned_down_by_person(version: ModelVersion) -> bool:
    if version.status != _Status.REJECTED:
        return False
    last = version.decisions.filter(action=Decision.Action.REJECT).first()
    return last is not None and not last.actor.startswith("policy:")


def _shown(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4f}"
