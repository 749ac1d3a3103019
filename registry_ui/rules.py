"""Which rules stand between a version and its callers: its own policy and that of the version that serves.

A candidate may make a rule stricter and never laxer: what it declares itself counts for it, and what the champion
declares, which somebody approved, counts as well.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from ml_pipeline.compatibility import Incompatibility, declared_inputs, incompatibilities
from ml_pipeline.spec.monitoring import Monitoring
from ml_pipeline.spec.policies import Freeze, Promotion
from ml_pipeline.spec.rollout import Rollout
from registry_ui.models import ApprovalRequest, ModelVersion


@dataclass(frozen=True)
class FreezeInForce:
    """A freeze that holds now, and when it ends."""

    freeze: Freeze
    until: datetime

    def __str__(self) -> str:
        return f"The freeze {self.freeze} holds until {self.until:%Y-%m-%d %H:%M} UTC"


def promotion_of(version: ModelVersion) -> Promotion:
    """The promotion policy that the version came with."""
    return Promotion.model_validate(version.recommendation.get("promotion", {}))


def rollout_of(version: ModelVersion) -> Rollout:
    """How the version takes over, as it came with: who approves it approves this. Older ones have the defaults."""
    return Rollout.model_validate(version.recommendation.get("rollout", {}))


def monitoring_of(version: ModelVersion) -> Monitoring:
    """How the version is watched; as by default where it was registered before that was declared."""
    return Monitoring.model_validate(version.recommendation.get("monitoring", {}))


def freeze_in_force(*, version: ModelVersion, holder: ModelVersion | None) -> FreezeInForce | None:
    """The freeze, of the version's own policy or of `policy_holder`'s, that ends last of those that hold now."""
    now = timezone.now()
    policies = [promotion_of(one) for one in (version, holder) if one is not None]
    freezes = {freeze for policy in policies for freeze in policy.freeze}
    held = [FreezeInForce(freeze, until) for freeze in freezes if (until := freeze.until(now)) is not None]
    return max(held, key=lambda one: one.until, default=None)


def four_eyes_declared(*, version: ModelVersion, holder: ModelVersion | None) -> bool:
    """False where both the version's policy and that of `policy_holder` say so; nothing served before: True."""
    return holder is None or promotion_of(version).four_eyes or promotion_of(holder).four_eyes


def four_eyes_in_force(*, approval: ApprovalRequest, switch: bool | None) -> bool:
    """What an administrator set for the model (`switch`), else what was declared when the request was made."""
    return approval.four_eyes if switch is None else switch


def incompatible_inputs(*, version: ModelVersion, champion: ModelVersion | None) -> tuple[Incompatibility, ...]:
    """Inputs that the champion accepts and the version would refuse."""
    if champion is None or champion == version:
        return ()
    return incompatibilities(declared_inputs(champion.spec), declared_inputs(version.spec))
