"""The home page: what waits, and how every model stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Window

from predictions.models import Deployment
from registry_ui.models import ModelVersion, PipelineRun
from registry_ui.selectors.loading import fault_columns
from registry_ui.selectors.versions import LARGE_COLUMNS


@dataclass(frozen=True)
class ModelOverview:
    """One model on the home page; `waiting` is how many of its versions wait for a decision."""

    deployment: Deployment
    live: ModelVersion | None
    waiting: int
    last_run: PipelineRun | None


def versions_waiting(*, among: QuerySet[Deployment], most: int) -> tuple[list[ModelVersion], int]:
    """Which versions of these models wait for a decision, the longest first and at most so many; how many wait in all.

    Without the large columns, in one query.
    """
    waiting = ModelVersion.objects.filter(status=ModelVersion.Status.WAITING, model__in=among.values("model"))
    counted = waiting.annotate(in_all=Window(Count("pk"))).order_by("created_at").defer(*LARGE_COLUMNS)[:most]
    in_all = next((version.in_all for version in counted), 0)
    return [*counted], in_all


def deployments_found(*, among: QuerySet[Deployment], text: str) -> QuerySet[Deployment]:
    """Those with `text` in their name: those with a waiting version first, then by name. With `fault_columns`."""
    waiting = ModelVersion.objects.filter(model=OuterRef("model"), status=ModelVersion.Status.WAITING)
    found = among.filter(model__icontains=text) if text else among
    return found.annotate(**fault_columns()).order_by(Exists(waiting).desc(), "model")


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
