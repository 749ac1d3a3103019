"""Every read of the registry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from ml_pipeline.errors import UnknownModel
from predictions.models import Deployment, Generation
from registry_ui.errors import UnknownRun, UnknownVersion
from registry_ui.models import Decision, ModelVersion, OutboxEntry, PipelineRun

_MEANWHILE_LIMIT = 10
# Columns of a version that lists do not show: tens of kilobytes a row.
LARGE_COLUMNS = ("report", "spec", "lineage")


@dataclass(frozen=True)
class ModelOverview:
    """One model on the home page; `waiting` is how many of its versions wait for a decision."""

    deployment: Deployment
    live: ModelVersion | None
    waiting: int
    last_run: PipelineRun | None


@dataclass(frozen=True)
class Served:
    """What one model served at a moment: from its generation on (`until` excluded), because of its decision.

    Before the first decision there is neither; after a retirement the generation names no version. `version_id` is the
    key of the version's row.
    """

    model: str
    until: datetime | None
    generation: Generation | None = None
    version_id: int | None = None
    decision: Decision | None = None


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
    """Newest first, without the large columns; UnknownModel where nothing of that name was declared or imported."""
    deployment_get(model=model)
    return ModelVersion.objects.filter(model=model).order_by("-number").defer(*LARGE_COLUMNS)


def run_get(*, model: str, run_id: str | UUID) -> PipelineRun:
    try:
        return PipelineRun.objects.get(model=model, pk=run_id)
    except (PipelineRun.DoesNotExist, ValidationError) as error:
        raise UnknownRun(f"{model} has no run {run_id}.", details={"model": model, "run": str(run_id)}) from error


def champion_get(*, model: str) -> ModelVersion | None:
    """The version that serves now; None before the first decision and after a retirement."""
    return ModelVersion.objects.filter(model=model, number__in=_champion_number(model)).first()


def former_champions(*, model: str) -> list[ModelVersion]:
    """Versions that a roll back may name: every approved one that served and does not serve now, newest first."""
    served = Generation.objects.filter(model=model, champion_version__isnull=False).values("champion_version")
    approved = ModelVersion.objects.filter(model=model, number__in=served, status=ModelVersion.Status.APPROVED)
    former = approved.exclude(number__in=_champion_number(model))
    return list(former.order_by("-number").defer(*LARGE_COLUMNS))


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
    current = _champion_number(model).first()
    before = [number for number in stack if number != current]
    return ModelVersion.objects.defer(*LARGE_COLUMNS).get(model=model, number=before[-1]) if before else None


def _champion_number(model: str) -> QuerySet[Deployment, int | None]:
    """The number of the version that serves, also to ask for inside another query; no row where none does."""
    live = Deployment.objects.filter(model=model, champion_version__isnull=False)
    return live.values_list("champion_version", flat=True)


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


def served_at(*, at: datetime, model: str | None = None) -> list[Served]:
    """What each known model, or `model` alone, served at that moment. A generation's own moment belongs to it."""
    known = [deployment_get(model=model)] if model is not None else Deployment.objects.order_by("model")
    models = [deployment.model for deployment in known]
    of_model = Generation.objects.filter(model=OuterRef("model"))
    newest = of_model.filter(created_at__lte=at).order_by("-number").values("number")[:1]
    next_one = of_model.filter(number__gt=OuterRef("number")).order_by("number").values("created_at")[:1]
    made_by = Decision.objects.filter(
        model=OuterRef("model"), generation_before=OuterRef("number") - 1, generation_after=OuterRef("number")
    ).values("pk")[:1]
    version = ModelVersion.objects.filter(model=OuterRef("model"), number=OuterRef("champion_version")).values("pk")
    rows = Generation.objects.filter(model__in=models, number=Subquery(newest)).annotate(
        until=Subquery(next_one), version_id=Subquery(version), decision_id=Subquery(made_by)
    )
    decisions = Decision.objects.defer("evidence").in_bulk([row.decision_id for row in rows if row.decision_id])
    first = dict(Generation.objects.filter(model__in=models, number=1).values_list("model", "created_at"))
    served = {
        row.model: Served(row.model, row.until, row, row.version_id, decisions.get(row.decision_id)) for row in rows
    }
    return [served.get(name, Served(name, until=first.get(name))) for name in models]


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


def versions_waiting() -> QuerySet[ModelVersion]:
    """Every version that waits for a decision, the longest first, without the large columns."""
    waiting = ModelVersion.objects.filter(status=ModelVersion.Status.WAITING)
    return waiting.order_by("created_at").defer(*LARGE_COLUMNS)


def deployments_found(*, text: str) -> QuerySet[Deployment]:
    """Models with `text` in their name: those with a waiting version first, then by name."""
    waiting = ModelVersion.objects.filter(model=OuterRef("model"), status=ModelVersion.Status.WAITING)
    found = Deployment.objects.filter(model__icontains=text) if text else Deployment.objects.all()
    return found.order_by(Exists(waiting).desc(), "model")


def models_overview(*, deployments: Sequence[Deployment]) -> list[ModelOverview]:
    """What serves, what waits and how the last run went, for these models, in three queries whatever their number."""
    names = [deployment.model for deployment in deployments]
    versions = ModelVersion.objects.filter(model__in=names)
    live = versions.filter(stage=ModelVersion.Stage.PRODUCTION).defer(*LARGE_COLUMNS)
    waiting = versions.filter(status=ModelVersion.Status.WAITING).order_by().values_list("model")
    last_run = PipelineRun.objects.filter(model=OuterRef("model")).order_by("-created_at").values("pk")[:1]
    last_runs = Deployment.objects.filter(model__in=names).values_list(Subquery(last_run))
    live_of = {version.model: version for version in live}
    waiting_of = dict(waiting.annotate(Count("pk")))
    run_of = {run.model: run for run in PipelineRun.objects.filter(pk__in=last_runs).defer("log", "error")}
    return [
        ModelOverview(one, live_of.get(one.model), waiting_of.get(one.model, 0), run_of.get(one.model))
        for one in deployments
    ]
