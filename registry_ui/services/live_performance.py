"""Counting what answers turned out to be: by a worker, day by day, whenever a label came, changed or went.

A day is counted as a whole, so that counting twice changes nothing. Its row is locked first and the labels are marked
before they are read: what changes meanwhile is unmarked again, and the next pass counts it.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils import timezone

from predictions.models import Feedback, Prediction
from predictions.prediction_log.ids import id_floor
from predictions.route_names import SHADOW
from registry_ui.models import LabelledDay

BATCH = 20_000  # labels a pass and transaction: about a second
_CHUNK = 500
_ID_MARGIN = timedelta(hours=1)  # between the clock of the id and that of the answer

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]


def performance_count() -> int:
    """Bring every day up to date whose labels changed; how many labels were new or changed."""
    counted = 0
    while found := _uncounted():
        for (model, day), ids in found.items():
            counted += _count(model, day, ids)
    for model, day in LabelledDay.objects.filter(stale=True).values_list("model", "day"):
        _count(model, day, [])
    return counted


def days_mark_stale(*, labels: QuerySet[Feedback]) -> None:
    """Have the days of these labels counted anew; for who is about to delete the rows, in the same transaction."""
    answered = Prediction.objects.filter(pk__in=labels.values("prediction_id"))
    days = {(model, _day(at)) for model, at in answered.values_list("model", "created_at")}
    for model, day in sorted(days):
        LabelledDay.objects.update_or_create(model=model, day=day, defaults={"stale": True})


def _uncounted() -> Mapping[tuple[str, date], list[UUID]]:
    """Labels that no day has, by model and day; a bounded number of them."""
    answered = Prediction.objects.filter(pk=OuterRef("prediction_id")).values("created_at")
    waiting = Feedback.objects.filter(counted=False).exclude(model="").annotate(at=Subquery(answered))
    known = waiting.filter(at__isnull=False).order_by("model", "prediction_id")
    by_day: dict[tuple[str, date], list[UUID]] = defaultdict(list)
    for model, prediction, at in known.values_list("model", "prediction_id", "at")[:BATCH]:
        by_day[model, _day(at)].append(prediction)
    return by_day


def _count(model: str, day: date, ids: list[UUID]) -> int:
    with transaction.atomic():
        LabelledDay.objects.get_or_create(model=model, day=day)
        row = LabelledDay.objects.select_for_update().get(model=model, day=day)
        for start in range(0, len(ids), _CHUNK):
            Feedback.objects.filter(pk__in=ids[start : start + _CHUNK]).update(counted=True)
        row.counts, row.stale, row.counted_at = _counts(model, day), False, timezone.now()
        row.save()
    return len(ids)


def _counts(model: str, day: date) -> Counts:
    """Found by the labels' ids, which carry their time: the cost is that of the labels, not of the predictions."""
    start = datetime.combine(day, time.min, UTC)
    end = start + timedelta(days=1)
    labels = Feedback.objects.filter(
        model=model, prediction_id__gte=id_floor(start - _ID_MARGIN), prediction_id__lt=id_floor(end + _ID_MARGIN)
    )
    told = labels.filter(prediction_id=OuterRef("pk")).values("label")
    answers = Prediction.objects.filter(
        pk__in=labels.values("prediction_id"), created_at__gte=start, created_at__lt=end
    )
    counted = (
        answers.exclude(route=SHADOW)
        .order_by()
        .annotate(true=Subquery(told))
        .values_list("version", "label", "true")
        .annotate(Count("pk"))
    )
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for version, label, true, count in counted:
        counts.setdefault(str(version), {}).setdefault(label, {})[true] = count
    return counts


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
