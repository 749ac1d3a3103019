"""Bodies of the registry's API, in and out. Requests are strict: no other key, no text for a number."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from django.urls import reverse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from predictions.api.parsing import printable
from predictions.errors import InvalidRequest
from registry_ui.models import Decision, ModelVersion, PipelineRun
from registry_ui.selectors import RolloutOverview, Served
from registry_ui.services.trials import CanaryPlan


class StrictRequest(BaseModel):
    """The base of bodies that come in."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @classmethod
    def parse(cls, body: Any) -> Self:
        """InvalidRequest names each wrong key."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            fields = {
                printable(".".join(map(str, item["loc"]))): item["msg"] for item in error.errors(include_url=False)
            }
            what = cls.__name__.removesuffix("Request").lower()
            raise InvalidRequest(f"The body is not a request for {what}.", details={"fields": fields}) from error


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


class DecisionRequest(StrictRequest):
    """`expected_generation` is the one that the caller saw: a decision on an older sight is refused with 409."""

    action: Literal[
        "approve",
        "reject",
        "request_changes",
        "ask_again",
        "set_canary",
        "promote_canary",
        "end_canary",
        "set_shadow",
        "end_shadow",
        "roll_back",
        "retire",
    ]
    reason: str = Field(min_length=1, max_length=2_000)
    expected_generation: int = Field(ge=0, le=2**62)
    share: float | None = Field(
        default=None,
        gt=0.0,
        lt=1.0,
        description="The share of entities that the canary answers; for `set_canary`.",
    )
    plan: PlanRequest | None = Field(
        default=None,
        description="For `set_canary`: it goes on by itself, where no `share` is given from the plan's first step.",
    )
    confirm_incompatible: bool = Field(
        default=False,
        description="Serve although it refuses inputs that the champion accepts (`incompatible_inputs`).",
    )
    confirm_rolled_back: int | None = Field(
        default=None,
        ge=1,
        le=2**62,
        description="The decision that ended its last service, as `rolled_back_before` names it.",
    )

    @model_validator(mode="after")
    def _share_belongs_to_a_canary(self) -> Self:
        if (self.share is not None or self.plan is not None) != (self.action == "set_canary"):
            raise ValueError("`share` or `plan` is needed for `set_canary`, and for nothing else")
        return self


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


_TRIAL_COLUMNS = ("kind", "version", "beside", "state", "says", "share", "planned_by", "looked_at")


class DecisionShape(BaseModel):
    """A decision that was taken. `share` is that of a canary."""

    id: int
    action: str
    model: str
    version: int
    actor: str
    reason: str
    generation: int
    share: float | None
    created_at: datetime

    @classmethod
    def of(cls, decision: Decision) -> Self:
        return cls(
            id=decision.pk,
            action=decision.action,
            model=decision.model,
            version=decision.version.number,
            actor=decision.actor,
            reason=decision.reason,
            generation=decision.generation_after,
            share=decision.evidence.get("share"),
            created_at=decision.created_at,
        )


class DecisionsShape(BaseModel):
    """Decisions about a version, newest first."""

    model: str
    version: int
    decisions: list[DecisionShape]


class VersionShape(BaseModel):
    """A registered version. `metrics` are those of the held-out rows, with 95 % intervals where they have one."""

    version: int
    status: str
    stage: str | None
    bundle_hash: str
    data_hash: str
    metrics: dict[str, Any]
    verdict: str | None
    reasons: list[str]
    created_at: datetime

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        return cls(
            version=version.number,
            status=version.status,
            stage=version.stage,
            bundle_hash=version.bundle_hash,
            data_hash=version.data_hash,
            metrics=version.metrics,
            verdict=version.recommendation.get("verdict"),
            reasons=version.recommendation.get("reasons", []),
            created_at=version.created_at,
        )


class VersionsShape(BaseModel):
    """Versions of a model, newest first. `generation` is what a decision has to name as `expected_generation`."""

    model: str
    generation: int
    champion: int | None
    canary: int | None
    canary_share: float | None
    shadow: int | None
    versions: list[VersionShape]


class ServedShape(BaseModel):
    """What served at a moment: a version from `since` on and before `until` (null: still), or nothing (null)."""

    model: str
    at: datetime
    generation: int
    version: int | None
    bundle_hash: str | None
    canary: int | None
    canary_share: float | None
    shadow: int | None
    since: datetime | None
    until: datetime | None
    cause: str
    decision: DecisionShape | None

    @classmethod
    def of(cls, served: Served, at: datetime) -> Self:
        row = served.generation
        return cls(
            model=served.model,
            at=at,
            generation=row.number if row else 0,
            version=row.champion_version if row else None,
            bundle_hash=row.champion_bundle if row else None,
            canary=row.canary_version if row else None,
            canary_share=row.canary_share if row else None,
            shadow=row.shadow_version if row else None,
            since=row.created_at if row else None,
            until=served.until,
            cause=row.cause if row else "",
            decision=DecisionShape.of(served.decision) if served.decision else None,
        )


class StageShape(BaseModel):
    """How one stage went, in seconds."""

    stage: str
    state: str
    seconds: float


class RunOutcome(BaseModel):
    """What a run ended with: the recommendation, and the newest decision about the version (null: it waits)."""

    verdict: str | None
    reasons: list[str]
    status: str
    decision: DecisionShape | None

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        decision = version.decisions.select_related("version").order_by("-pk").first()
        return cls(
            verdict=version.recommendation.get("verdict"),
            reasons=version.recommendation.get("reasons", []),
            status=version.status,
            decision=DecisionShape.of(decision) if decision else None,
        )


class RunLinks(BaseModel):
    """Where to go from a run: itself, cancelling it (null when it has ended), deciding about its version."""

    run: str
    cancellation: str | None
    decisions: str | None

    @classmethod
    def of(cls, run: PipelineRun) -> Self:
        named = {"model": run.model, "run": str(run.pk)}
        number = run.version and str(run.version.number)
        return cls(
            run=reverse("api-run", kwargs=named),
            cancellation=reverse("api-cancel-run", kwargs=named) if run.is_active else None,
            decisions=reverse("api-decisions", kwargs={"model": run.model, "number": number}) if number else None,
        )


class RunShape(BaseModel):
    """A pipeline run. `trigger_detail` says in words why it was started."""

    id: UUID
    model: str
    state: str
    stage: str
    stages: list[StageShape]
    attempt: int
    trigger: str
    trigger_detail: str
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    version: int | None
    error: str
    links: RunLinks

    @classmethod
    def of(cls, run: PipelineRun) -> Self:
        return cls(**cls._told(run))

    @classmethod
    def _told(cls, run: PipelineRun) -> dict[str, Any]:
        same = ("model", "state", "stage", "attempt", "trigger", "trigger_detail", "requested_by", "error")
        moments = ("created_at", "started_at", "finished_at")
        return {
            **{name: getattr(run, name) for name in (*same, *moments)},
            "id": run.pk,
            "stages": [StageShape.model_validate(stage) for stage in run.stages],
            "version": run.version.number if run.version else None,
            "links": RunLinks.of(run),
        }


class RunDetailShape(RunShape):
    """A pipeline run with what came of it."""

    outcome: RunOutcome | None

    @classmethod
    def of(cls, run: PipelineRun) -> Self:
        return cls(**cls._told(run), outcome=RunOutcome.of(run.version) if run.version else None)


class RunsShape(BaseModel):
    """Pipeline runs of a model, newest first."""

    model: str
    runs: list[RunShape]
