"""How much is asked of each model, for the admin's charts: written beside the requests, from the metrics' own counters.

A request pays nothing for it: one thread reads what this process has counted since it looked last, and adds that to the
row of the half hour. A process that is killed forgets its last seconds; the prediction log, which does not, holds no
refusals, and counting it takes seconds at a million rows.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from predictions import metrics
from predictions.models import TrafficSlot

SLOT = timedelta(minutes=30)
KEPT = timedelta(days=35)
BUCKETS = (*metrics.PREDICTION_BUCKETS, float("inf"))  # upper ends, in seconds


@dataclass
class Asked:
    """What was asked of one model: requests that were answered, their rows, refusals by code, times by bucket."""

    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return self.latencies.total()

    def since(self, before: "Asked") -> "Asked":
        return Asked(self.rows - before.rows, self.refused - before.refused, self.latencies - before.latencies)


class Traffic:
    """`write` is called by one thread."""

    def __init__(self) -> None:
        self._written = _counted()

    def write(self) -> None:
        """Add what was asked since the last call to the present slot; DatabaseError keeps the rest for the next."""
        start = slot_of(timezone.now())
        for model, counted in _counted().items():
            asked = counted.since(self._written.get(model, Asked()))
            if asked.requests or asked.refused:
                _add(model, start, asked)
            self._written[model] = counted


def slot_of(moment: datetime) -> datetime:
    """The beginning of the slot that the moment lies in."""
    return datetime.fromtimestamp(moment.timestamp() // SLOT.total_seconds() * SLOT.total_seconds(), moment.tzinfo)


def forget_old_traffic() -> None:
    TrafficSlot.objects.filter(start__lt=timezone.now() - KEPT).delete()


@transaction.atomic
def _add(model: str, start: datetime, asked: Asked) -> None:
    TrafficSlot.objects.get_or_create(model=model, start=start)
    row = TrafficSlot.objects.select_for_update().get(model=model, start=start)
    row.requests += asked.requests
    row.rows += asked.rows
    row.refused = dict(Counter(row.refused) + asked.refused)
    row.latencies = _sums(row.latencies or [0] * len(BUCKETS), asked.latencies)
    row.save()


def _sums(known: Sequence[int], more: Mapping[int, int]) -> list[int]:
    return [count + more.get(place, 0) for place, count in enumerate(known)]


def _counted() -> dict[str, Asked]:
    """What this process has counted since it started, by model; what was asked of no known model is nobody's."""
    asked: dict[str, Asked] = {}
    for labels, value in _samples(metrics.PREDICTIONS, "_total"):
        asked.setdefault(labels["model"], Asked()).rows += value
    for labels, value in _samples(metrics.PREDICTION_ERRORS, "_total"):
        asked.setdefault(labels["model"], Asked()).refused[labels["code"]] = value
    cumulative: dict[str, dict[float, int]] = {}
    for labels, value in _samples(metrics.PREDICTION_SECONDS, "_bucket"):
        cumulative.setdefault(labels["model"], {})[float(labels["le"])] = value
    for model, up_to in cumulative.items():
        below = [0, *(up_to[end] for end in BUCKETS[:-1])]
        times = {place: up_to[end] - below[place] for place, end in enumerate(BUCKETS)}
        asked.setdefault(model, Asked()).latencies = Counter(times)
    asked.pop(metrics.UNKNOWN_MODEL, None)
    return asked


def _samples(metric: metrics.Metric, ending: str) -> Iterator[tuple[Mapping[str, str], int]]:
    for family in metric.collect():
        for sample in family.samples:
            if sample.name.endswith(ending):
                yield sample.labels, int(sample.value)
