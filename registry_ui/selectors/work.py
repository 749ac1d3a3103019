"""Pipeline runs and background tasks."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, F, Q, QuerySet

from predictions.models import Deployment
from registry_ui.errors import UnknownRun
from registry_ui.models import BackgroundTask, BrokerContact, ModelVersion, PipelineRun
from registry_ui.selectors.versions import LARGE_COLUMNS

EVERY_MODEL = "every model"
_RUNS_LOOKED_AT = 20
_SHOWN = 3
_FLIPS_DONE = {"kind": BackgroundTask.Kind.FLIPS, "state": BackgroundTask.State.SUCCEEDED}


def run_get(*, model: str, run_id: str | UUID) -> PipelineRun:
    try:
        return PipelineRun.objects.get(model=model, pk=run_id)
    except (PipelineRun.DoesNotExist, ValidationError) as error:
        raise UnknownRun(
            f"{model} has no run {str(run_id)[:36]}.", details={"model": model, "run": str(run_id)[:36]}
        ) from error


def runs_of(*, model: str, before: datetime | None = None) -> QuerySet[PipelineRun]:
    """Newest first, without their logs; of a version its number alone. `before`: those that were asked for earlier."""
    runs = PipelineRun.objects.filter(model=model).select_related("version")
    if before is not None:
        runs = runs.filter(created_at__lt=before)
    runs = runs.defer("log", *(f"version__{name}" for name in (*LARGE_COLUMNS, "recommendation", "metrics")))
    return runs.order_by("-created_at")


def active_run(*, model: str) -> PipelineRun | None:
    states = [PipelineRun.State.QUEUED, PipelineRun.State.RUNNING]
    return PipelineRun.objects.filter(model=model, state__in=states).first()


@dataclass(frozen=True)
class UsualSeconds:
    """How long the last run that worked took: each stage when it last worked, and all that is no stage."""

    stages: dict[str, float] = field(default_factory=dict)
    beside: float = 0.0


def usual_seconds(*, model: str) -> UsualSeconds:
    """Of the newest succeeded runs. A stage that was skipped says nothing about how long it takes."""
    state = PipelineRun.State.SUCCEEDED
    runs = PipelineRun.objects.filter(model=model, state=state, started_at__lt=F("finished_at")).order_by("-created_at")
    rows = list(runs.values_list("stages", F("finished_at") - F("started_at"))[:_RUNS_LOOKED_AT])
    stages: dict[str, float] = {}
    for told, _ in rows:
        for one in told:
            if one["state"] == "done":
                stages.setdefault(one["stage"], one["seconds"])
    beside = [taken.total_seconds() - sum(one["seconds"] for one in told) for told, taken in rows[:1]]
    return UsualSeconds(stages, max([0.0, *beside]))


def broker_contact() -> BrokerContact | None:
    """How the dispatcher's last round went; None where none ever ran."""
    return BrokerContact.objects.first()


def preview_newest(*, model: str) -> BackgroundTask | None:
    return BackgroundTask.objects.filter(kind=BackgroundTask.Kind.PREVIEW, subject=model).first()


def run_counts() -> dict[tuple[str, str], int]:
    """(model, state) → how many runs: every known model with every state, zero included."""
    models = Deployment.objects.order_by("model").values_list("model", flat=True)
    counts = {(model, state): 0 for model in models for state in PipelineRun.State.values}
    counted = PipelineRun.objects.order_by().values_list("model", "state").annotate(Count("pk"))
    return counts | {(model, state): count for model, state, count in counted if (model, state) in counts}


def tasks_about(*, version: ModelVersion) -> QuerySet[BackgroundTask]:
    """Background tasks about a version, newest first."""
    return BackgroundTask.objects.filter(model=version.model, asked__version=version.number).order_by("-created_at")


def tasks_newest(*, version: ModelVersion, count: int) -> list[BackgroundTask]:
    """The newest tasks about a version, and `flips_done` whatever its age; newest first."""
    about = tasks_about(version=version)
    shown = Q(pk__in=about.values("pk")[:count]) | Q(pk__in=about.filter(**_FLIPS_DONE).values("pk")[:1])
    return list(BackgroundTask.objects.filter(shown).order_by("-created_at"))


def flips_done(*, version: ModelVersion) -> BackgroundTask | None:
    """The last finished replay of a version, whichever champion it was made with."""
    return tasks_about(version=version).filter(**_FLIPS_DONE).first()


def proposals_newest(*, model: str) -> list[BackgroundTask]:
    """The newest computations of what could be done about a model, newest first."""
    return list(BackgroundTask.objects.filter(kind=BackgroundTask.Kind.PROPOSALS, subject=model)[:_SHOWN])


def last_sync(*, subjects: Collection[str]) -> BackgroundTask | None:
    """The newest sync that a person or a hint asked for."""
    return BackgroundTask.objects.filter(kind=BackgroundTask.Kind.SYNC, subject__in=subjects).first()
