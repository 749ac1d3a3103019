"""What was asked of each model in the last day, by half hour."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from django.utils import timezone

from predictions.errors import OUR_CODES
from predictions.models import TrafficSlot
from predictions.traffic import BUCKETS, SLOT, slot_of

SLOTS = 48


@dataclass(frozen=True)
class Traffic:
    """One model's last day, the oldest slot first. `requests` were answered; `failed` were not by a fault of ours,
    `refused` by one of their callers; `codes` counts both.
    """

    starts: Sequence[datetime]
    rows: Sequence[int]
    requests: Sequence[int]
    failed: Sequence[int]
    refused: Sequence[int]
    p95_seconds: Sequence[float | None]
    codes: Mapping[str, int]
    whole_p95_seconds: float | None

    @property
    def asked(self) -> list[int]:
        """All requests, by slot."""
        return list(map(sum, zip(self.requests, self.failed, self.refused, strict=True)))

    @property
    def failed_shares(self) -> list[float | None]:
        """By slot; None where nothing was asked."""
        return list(map(_share, self.failed, self.asked))

    @property
    def refused_shares(self) -> list[float | None]:
        """By slot; None where nothing was asked."""
        return list(map(_share, self.refused, self.asked))

    @property
    def failed_share(self) -> float | None:
        """Of the whole day."""
        return _share(sum(self.failed), sum(self.asked))

    @property
    def refused_share(self) -> float | None:
        """Of the whole day."""
        return _share(sum(self.refused), sum(self.asked))


def traffic_of(*, models: Collection[str], now: datetime | None = None) -> dict[str, Traffic]:
    """Every one of `models`, also where nothing was asked: one query."""
    last = slot_of(now or timezone.now())
    starts = [last - SLOT * place for place in reversed(range(SLOTS))]
    by_model: dict[str, dict[datetime, TrafficSlot]] = defaultdict(dict)
    for slot in TrafficSlot.objects.filter(model__in=models, start__range=(starts[0], starts[-1])):
        by_model[slot.model][slot.start] = slot
    return {model: _traffic(starts, by_model[model]) for model in models}


def quantile_seconds(counts: Sequence[int], share: float) -> float | None:
    """The time that this share of requests stays under, linear within its bucket; None where there are none.

    As Prometheus' `histogram_quantile`: beyond the last bucket's end nothing is known but that end.
    """
    wanted, below, lower = share * sum(counts), 0, 0.0
    for count, upper in zip(counts, BUCKETS, strict=False):
        if count and below + count >= wanted:
            return lower if upper == inf else lower + (upper - lower) * (wanted - below) / count
        below, lower = below + count, upper
    return None


def _traffic(starts: Sequence[datetime], slots: Mapping[datetime, TrafficSlot]) -> Traffic:
    known = [slots.get(start) for start in starts]
    codes: Counter[str] = Counter()
    latencies = [0] * len(BUCKETS)
    for slot in slots.values():
        codes.update(slot.refused)
        latencies = [a + b for a, b in zip(latencies, slot.latencies or [0] * len(BUCKETS), strict=True)]
    return Traffic(
        starts=starts,
        rows=[slot.rows if slot else 0 for slot in known],
        requests=[slot.requests if slot else 0 for slot in known],
        failed=[_unanswered(slot, ours=True) for slot in known],
        refused=[_unanswered(slot, ours=False) for slot in known],
        p95_seconds=[quantile_seconds(slot.latencies, 0.95) if slot else None for slot in known],
        codes=dict(codes.most_common()),
        whole_p95_seconds=quantile_seconds(latencies, 0.95),
    )


def _unanswered(slot: TrafficSlot | None, *, ours: bool) -> int:
    return sum(count for code, count in slot.refused.items() if (code in OUR_CODES) == ours) if slot else 0


def _share(some: int, asked: int) -> float | None:
    return some / asked if asked else None
