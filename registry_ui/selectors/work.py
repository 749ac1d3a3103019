"""Pipeline runs and background tasks."""

from collections.abc import Collection
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet

from predictions.models import Deployment
from registry_ui.errors import UnknownRun
from registry_ui.models import BackgroundTask, ModelVersion, PipelineRun

EVERY_MODEL = "every model"
_SHOWN = 3
_FLIPS_DONE = {"kind": BackgroundTask.Kind.FLIPS, "state": BackgroundTask.State.SUCCEEDED}


def run_get(*, model: str, run_id: str | UUID) -> PipelineRun:
    try:
        return PipelineRun.objects.get(model=model, pk=run_id)
    except (PipelineRun.DoesNotExist, ValidationError) as error:
        raise UnknownRun(f"{model} has no run {run_id}.", details={"model": model, "run": str(run_id)}) from error


def active_run(*, model: str) -> PipelineRun | None:
    states = [PipelineRun.State.QUEUED, PipelineRun.State.RUNNING]
    return PipelineRun.objects.filter(model=model, state__in=states).first()


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
