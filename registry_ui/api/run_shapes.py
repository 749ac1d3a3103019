"""Bodies of pipeline runs."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.urls import reverse
from pydantic import BaseModel

from registry_ui.api.base import Page
from registry_ui.api.decision_shapes import DecisionShape
from registry_ui.models import ModelVersion, PipelineRun


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


class RunsShape(Page):
    """Pipeline runs of a model, newest first."""

    model: str
    runs: list[RunShape]
