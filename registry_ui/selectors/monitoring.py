"""What operators watch, read from rows: one answer whatever number of workers there are, and after any restart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, DurationField, F, Min, QuerySet, Sum
from django.utils import timezone

from predictions.models import Deployment
from registry_ui.models import BackgroundTask, Decision, GuardRound, ModelVersion, OutboxEntry, PipelineRun

RUNS, DEFAULT = "runs", "default"  # the queues, as the workers know them
_ROLES = ("champion", "canary", "shadow")


@dataclass(frozen=True)
class Queue:
    """Work that is due and not begun, since when the oldest of it waits, and the age of the oldest lease held."""

    waiting: int
    oldest_seconds: float
    lease_age_seconds: float


@dataclass(frozen=True)
class Serving:
    """A version that a deployment names, and when it was registered."""

    model: str
    role: str
    version: int
    bundle: str
    registered_at: datetime | None


def queues(*, task_lease: timedelta) -> Mapping[str, Queue]:
    """By name. `task_lease` is how long a background task's lease holds; a run's is in the settings."""
    return {
        RUNS: _queue(PipelineRun.objects.all(), timedelta(seconds=settings.RUN_LEASE_SECONDS)),
        DEFAULT: _queue(BackgroundTask.objects.all(), task_lease),
    }


def run_durations() -> Mapping[tuple[str, str], tuple[int, float]]:
    """(model, state) → how many runs ended so and how many seconds their last attempts took together."""
    took = Sum(F("finished_at") - F("started_at"), output_field=DurationField())
    ended = PipelineRun.objects.filter(started_at__isnull=False, finished_at__isnull=False).order_by()
    rows = ended.values_list("model", "state").annotate(Count("pk"), took=took)
    return {(model, state): (count, sum_.total_seconds()) for model, state, count, sum_ in rows}


def outbox_oldest_seconds() -> float:
    """How long the oldest change has waited to be mirrored; 0 where none waits."""
    return _age(OutboxEntry.objects.filter(done_at__isnull=True).aggregate(at=Min("created_at"))["at"])


def guard_age_seconds() -> float | None:
    """How long ago the guard over canaries and new champions last went round; None before its first round."""
    ended_at = GuardRound.objects.values_list("ended_at", flat=True).first()
    return None if ended_at is None else _age(ended_at)


def versions_serving() -> list[Serving]:
    """Champions, canaries and shadows of every model: two queries."""
    deployments = list(Deployment.objects.order_by("model"))
    named = {
        (one.model, getattr(one, f"{role}_version")): None
        for one in deployments
        for role in _ROLES
        if getattr(one, f"{role}_version") is not None
    }
    versions = ModelVersion.objects.filter(model__in={model for model, _ in named}, number__in={n for _, n in named})
    registered = {(model, number): at for model, number, at in versions.values_list("model", "number", "created_at")}
    return [
        Serving(one.model, role, number, getattr(one, f"{role}_bundle"), registered.get((one.model, number)))
        for one in deployments
        for role in _ROLES
        if (number := getattr(one, f"{role}_version")) is not None
    ]


def decision_counts() -> Mapping[tuple[str, str], int]:
    """(model, action) → how often: every known model with every action, zero included."""
    models = Deployment.objects.order_by("model").values_list("model", flat=True)
    counts = {(model, action): 0 for model in models for action in Decision.Action.values}
    counted = Decision.objects.order_by().values_list("model", "action").annotate(Count("pk"))
    return counts | {(model, action): count for model, action, count in counted if (model, action) in counts}


def waiting_counts() -> Mapping[str, int]:
    """Model → how many versions wait for a decision."""
    counts = dict.fromkeys(Deployment.objects.order_by("model").values_list("model", flat=True), 0)
    waiting = ModelVersion.objects.filter(status=ModelVersion.Status.WAITING).order_by().values_list("model")
    return counts | dict(waiting.annotate(Count("pk")))


def _queue(rows: QuerySet[PipelineRun] | QuerySet[BackgroundTask], lease: timedelta) -> Queue:
    due = rows.filter(state="queued", due_at__lte=timezone.now()).aggregate(count=Count("pk"), since=Min("due_at"))
    soonest = rows.filter(state="running").aggregate(end=Min("lease_expires_at"))["end"]
    return Queue(due["count"], _age(due["since"]), _age(soonest and soonest - lease))


def _age(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (timezone.now() - moment).total_seconds())
