"""Every read of the registry."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet

from ml_pipeline.errors import UnknownModel
from predictions.models import Deployment, Generation
from registry_ui.errors import UnknownRun, UnknownVersion
from registry_ui.models import BackgroundTask, Decision, ModelVersion, OutboxEntry, PipelineRun

_MEANWHILE_LIMIT = 10


@dataclass(frozen=True)
class ModelOverview:
    """One model on the home page."""

    deployment: Deployment
    live: ModelVersion | None
    waiting: list[ModelVersion]
    last_run: PipelineRun | None


def deployment_get(*, model: str) -> Deployment:
    deployment = Deployment.objects.filter(model=model).first()
    if deployment is None:
        raise UnknownModel(f"There is no model {model!r}.", details={"model": model})
    return deployment


def version_get(*, model: str, number: int) -> ModelVersion:
    version = ModelVersion.objects.filter(model=model, number=number).first()
    if version is None:
        raise UnknownVersion(f"{model} has no version {number}.", details={"model": model, "version": number})
    return version


def versions_of(*, model: str) -> QuerySet[ModelVersion]:
    """Newest first; UnknownModel where nothing of that name was ever declared or imported."""
    deployment_get(model=model)
    return ModelVersion.objects.filter(model=model).order_by("-number")


def run_get(*, model: str, run_id: str | UUID) -> PipelineRun:
    try:
        return PipelineRun.objects.get(model=model, pk=run_id)
    except (PipelineRun.DoesNotExist, ValidationError) as error:
        raise UnknownRun(f"{model} has no run {run_id}.", details={"model": model, "run": str(run_id)}) from error


def champion_get(*, model: str) -> ModelVersion | None:
    """The version that serves now; None before the first decision and after a retirement."""
    number = Deployment.objects.filter(model=model).values("champion_version")
    return ModelVersion.objects.filter(model=model, number__in=number).first()


def champion_at(*, model: str, generation: int) -> ModelVersion | None:
    """The version that served at that generation; None where nothing did."""
    number = Generation.objects.filter(model=model, number=generation).values("champion_version")
    return ModelVersion.objects.filter(model=model, number__in=number).first()


def tasks_about(*, version: ModelVersion) -> QuerySet[BackgroundTask]:
    """Background tasks about a version, newest first."""
    return BackgroundTask.objects.filter(model=version.model, asked__version=version.number).order_by("-created_at")


def flips_done(*, version: ModelVersion) -> BackgroundTask | None:
    """The last finished replay of a version, whichever champion it was made with."""
    done = {"kind": BackgroundTask.Kind.FLIPS, "state": BackgroundTask.State.SUCCEEDED}
    return tasks_about(version=version).filter(**done).first()


def former_champions(*, model: str) -> list[ModelVersion]:
    """Versions that a roll back may name: every approved one that served and does not serve now, newest first."""
    current = Deployment.objects.filter(model=model).values_list("champion_version", flat=True).first()
    served = Generation.objects.filter(model=model, champion_version__isnull=False).exclude(champion_version=current)
    numbers = served.values_list("champion_version", flat=True).distinct()
    approved = ModelVersion.Status.APPROVED
    return list(ModelVersion.objects.filter(model=model, number__in=numbers, status=approved).order_by("-number"))


def previous_champion(*, model: str) -> ModelVersion | None:
    """What a roll back without a name goes to: the champion before this one, with earlier roll backs undone.

    Approvals push onto a stack and a roll back pops to its target, so that two roll backs go two versions back and not
    forth and back again.
    """
    stack: list[int] = []
    history = Decision.objects.filter(model=model, action__in=[Decision.Action.APPROVE, Decision.Action.ROLL_BACK])
    for action, number in history.order_by("id").values_list("action", "version__number"):
        if number in stack and action == Decision.Action.ROLL_BACK:
            del stack[stack.index(number) + 1 :]
        else:
            stack = [other for other in stack if other != number] + [number]
    current = Deployment.objects.filter(model=model).values_list("champion_version", flat=True).first()
    before = [number for number in stack if number != current]
    return ModelVersion.objects.get(model=model, number=before[-1]) if before else None


def happened_since(*, model: str, generation: int) -> list[dict[str, Any]]:
    """Decisions that moved the model beyond `generation`, oldest first: what a stale caller missed."""
    missed = Decision.objects.filter(model=model, generation_after__gt=generation).select_related("version")
    return [
        {
            "generation": decision.generation_after,
            "action": decision.action,
            "done": decision.get_action_display().lower(),
            "version": decision.version.number,
            "actor": decision.actor,
            "reason": decision.reason,
            "at": decision.created_at.isoformat(),
        }
        for decision in missed.order_by("id")[:_MEANWHILE_LIMIT]
    ]


def active_run(*, model: str) -> PipelineRun | None:
    states = [PipelineRun.State.QUEUED, PipelineRun.State.RUNNING]
    return PipelineRun.objects.filter(model=model, state__in=states).first()


def run_counts() -> dict[tuple[str, str], int]:
    """(model, state) → how many runs: every known model with every state, zero included."""
    models = Deployment.objects.order_by("model").values_list("model", flat=True)
    counts = {(model, state): 0 for model in models for state in PipelineRun.State.values}
    counted = PipelineRun.objects.order_by().values_list("model", "state").annotate(Count("pk"))
    return counts | {(model, state): count for model, state, count in counted if (model, state) in counts}


def outbox_pending() -> int:
    """How many entries are not yet mirrored."""
    return OutboxEntry.objects.filter(done_at__isnull=True).count()


def models_overview() -> list[ModelOverview]:
    """Every known model with what serves, what waits, and how its last run went."""
    return [
        ModelOverview(
            deployment=deployment,
            live=champion_get(model=deployment.model),
            waiting=list(
                ModelVersion.objects.filter(model=deployment.model, status=ModelVersion.Status.WAITING).order_by(
                    "-number"
                )[:5]
            ),
            last_run=PipelineRun.objects.filter(model=deployment.model).first(),
        )
        for deployment in Deployment.objects.order_by("model")
    ]
