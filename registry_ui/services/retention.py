"""Erasing what was asked, when its time has passed: the answer and the hash of the inputs stay."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ml_pipeline.spec import Serving
from predictions.models import Deployment, Prediction
from predictions.prediction_log.input_hash import input_hash
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.evidence_inputs import inputs_erase_frozen

BATCH = 1_000
ERASED = "inputs_erased"  # marks a replay of which nothing is left to erase
_DEFAULT_DAYS = Serving().retention_days


@dataclass
class Erased:
    """How many rows of each model lost their inputs, and how many cases of replays and of frozen evidence."""

    rows: Counter[str] = field(default_factory=Counter)
    cases: int = 0


def inputs_erase(*, actor: Actor) -> Erased:
    """Erase the inputs of every prediction that is older than its version's `serving.retention_days`, and copies.

    Each batch is a transaction of its own, so that nobody waits for a long one; what was done is one audit entry, also
    when a later batch fails.
    """
    erased, now = Erased(), timezone.now()
    try:
        for model in Deployment.objects.order_by("model").values_list("model", flat=True):
            for due in _due(model, now):
                for count in _erase(due):
                    erased.rows[model] += count
        for count in chain(_erase_cases(), inputs_erase_frozen()):
            erased.cases += count
    finally:
        if erased.rows or erased.cases:
            _record(erased, actor)
    return erased


def _due(model: str, now: datetime) -> Iterator[QuerySet[Prediction]]:
    """By each number of days that a version declares; versions that the registry does not know have the default."""
    declared: Mapping[int, list[int]] = defaultdict(list)
    versions = ModelVersion.objects.filter(model=model)
    for number, days in versions.values_list("number", "spec__serving__retention_days"):
        if days not in (None, _DEFAULT_DAYS):
            declared[days].append(number)
    kept = Prediction.objects.filter(model=model, inputs__isnull=False)
    others = kept.exclude(version__in=[number for numbers in declared.values() for number in numbers])
    yield others.filter(created_at__lt=now - timedelta(days=_DEFAULT_DAYS))
    for days, numbers in declared.items():
        yield kept.filter(version__in=numbers, created_at__lt=now - timedelta(days=days))


def _erase(due: QuerySet[Prediction]) -> Iterator[int]:
    """Batch by batch, the oldest first."""
    while ids := list(due.order_by("created_at").values_list("pk", flat=True)[:BATCH]):
        rows = Prediction.objects.filter(pk__in=ids)
        with transaction.atomic():
            unhashed = list(rows.filter(input_hash="", inputs__isnull=False))  # from before the hash was logged
            for row in unhashed:
                row.input_hash = input_hash(row.inputs or {})
            Prediction.objects.bulk_update(unhashed, ["input_hash"], batch_size=200)
            erased = rows.update(inputs=None)
        yield erased


def _erase_cases() -> Iterator[int]:
    """What finished replays show of calls whose inputs are erased by now."""
    done = BackgroundTask.objects.filter(kind=BackgroundTask.Kind.FLIPS, state=BackgroundTask.State.SUCCEEDED)
    for task in done.filter(result__source="predictions").exclude(result__has_key=ERASED).iterator(chunk_size=50):
        shown = {case["id"]: case for case in task.result["cases"] if case["inputs"]}
        gone = Prediction.objects.filter(pk__in=shown, inputs__isnull=True).values_list("pk", flat=True)
        erased = [_emptied(shown.pop(str(prediction))) for prediction in gone]
        if not shown:
            task.result[ERASED] = True
        if erased or not shown:
            BackgroundTask.objects.filter(pk=task.pk).update(result=task.result)
        yield len(erased)


def _emptied(case: dict[str, Any]) -> dict[str, Any]:
    case["inputs"] = {}
    return case


@transaction.atomic
def _record(erased: Erased, actor: Actor) -> None:
    details = {"rows": dict(erased.rows), "replayed_cases": erased.cases}
    audit_append(
        events=[Event(actor=actor.name, action="predictions.inputs_erased", subject="prediction log", details=details)]
    )
