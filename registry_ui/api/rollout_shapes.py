"""Bodies about canaries and new champions on trial."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from registry_ui.api.base import StrictRequest
from registry_ui.selectors import RolloutOverview
from registry_ui.services.trials import CanaryPlan

_TRIAL_COLUMNS = ("kind", "version", "beside", "state", "says", "share", "planned_by", "looked_at")


class PlanRequest(StrictRequest):
    """How a canary goes on by itself; what is left out is as the version declares it in `rollout`."""

    steps: list[Annotated[float, Field(gt=0.0, lt=1.0)]] | None = Field(
        default=None, min_length=1, max_length=20, description="Rising shares."
    )
    step_minutes: int | None = Field(default=None, ge=0, le=10_080)
    minimum_requests: int | None = Field(default=None, ge=1, le=10_000_000)
    promote: bool | None = Field(default=None, description="Make it champion after the last step.")

    @property
    def plan(self) -> CanaryPlan:
        return CanaryPlan(**self.model_dump())


class RolloutRequest(StrictRequest):
    """What a person says about the canary `version` beside its share: a plan, or to stay where it is."""

    action: Literal["plan", "pause", "resume"]
    version: int = Field(ge=1, le=999_999_999)
    reason: str = Field(min_length=1, max_length=2_000)
    expected_generation: int = Field(ge=0, le=2**62)
    plan: PlanRequest | None = None

    @model_validator(mode="after")
    def _plan_belongs_to_its_action(self) -> Self:
        if (self.plan is not None) != (self.action == "plan"):
            raise ValueError("`plan` is needed for the action `plan`, and for nothing else")
        return self


class SideShape(BaseModel):
    """Rows of one version, the mean of their outcomes, and where that lies at every look at once."""

    rows: int
    mean: float
    interval: tuple[float, float]


class SignalShape(BaseModel):
    """Failures, slow answers or wrong decisions; the logarithm of the e-value decides where it reaches `decides_at`."""

    tested: SideShape
    beside: SideShape
    log_evidence: float
    is_cost: bool = Field(description="Shares of the highest cost, in the place of right and wrong.")
    bound: float | None = Field(description="Of a new champion: the mean that it must not exceed.")
    decides_at: float


class TrialShape(BaseModel):
    """A version on trial. `beside` is the champion, or of a new champion the one before."""

    kind: Literal["canary", "champion"]
    version: int
    beside: int
    state: str
    says: str
    share: float | None
    planned_by: str
    steps: list[float]
    promote: bool
    since: datetime
    looked_at: datetime | None
    signals: dict[str, SignalShape]


class RolloutShape(BaseModel):
    """What is on trial now; `hold` says why nothing moves by itself, where that is so."""

    model: str
    generation: int
    trials: list[TrialShape]
    hold: str | None

    @classmethod
    def of(cls, overview: RolloutOverview) -> Self:
        return cls(
            model=overview.deployment.model,
            generation=overview.deployment.generation,
            trials=[
                TrialShape(
                    **{name: getattr(one.trial, name) for name in _TRIAL_COLUMNS},
                    steps=list(one.rules.steps),
                    promote=one.rules.promote,
                    since=one.trial.started_at,
                    signals={name: SignalShape(**told, decides_at=one.decides_at) for name, told in one.told.items()},
                )
                for one in overview.trials
            ],
            hold=None if overview.hold is None else str(overview.hold),
        )
