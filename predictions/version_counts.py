"""How versions fare: calls, failures and times, counted in memory by requests and written beside them.

A prediction that failed has no row in the log. What a version did to its callers is told here, whatever the log keeps.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any, NamedTuple, Self

import uuid_utils.compat
from django.utils import timezone

from ml_pipeline.spec.rollout import LATENCY_BOUNDS
from predictions.models import VersionCount

KEPT = timedelta(days=8)
_SECONDS = 60
_BOUNDS = [bound / 1_000 for bound in LATENCY_BOUNDS]


class _Key(NamedTuple):
    model: str
    version: int
    bundle: str
    route: str
    minute: int


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    times: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))


class VersionCounts:
    """`note` is called by requests, `write` by one thread. A process that is killed forgets its last second.

    A row is this process's alone and written as a whole: writing it twice counts nothing twice.
    """

    def __init__(self) -> None:
        self._writer = uuid_utils.compat.uuid7()
        self._lock = threading.Lock()
        self._tallies: dict[_Key, _Tally] = {}
        self._changed: set[_Key] = set()

    def note(
        self, *, model: str, version: int, bundle: str, route: str, seconds: float | None = None, failure: str = ""
    ) -> None:
        """One call of a version, and how it went; `seconds` only of a single row, or lists would seem slow."""
        key = _Key(model, version, bundle, route, int(time()) // _SECONDS)
        with self._lock:
            tally = self._tallies.setdefault(key, _Tally())
            tally.calls += 1
            if failure:
                tally.failures[failure] += 1
            elif seconds is not None:
                tally.times[bisect_left(_BOUNDS, seconds)] += 1
            self._changed.add(key)

    def write(self) -> None:
        """Write what changed since the last call; DatabaseError keeps it for the next."""
        with self._lock:
            changed, self._changed = self._changed, set()
            rows = [self._row(key) for key in changed]
        try:
            if rows:
                _write(rows)
        except Exception:
            with self._lock:
                self._changed |= changed
            raise
        self._forget(before=int(time()) // _SECONDS - 1)  # a request may still be noting the last minute

    def _row(self, key: _Key) -> VersionCount:
        tally = self._tallies[key]
        return VersionCount(
            writer=self._writer,
            model=key.model,
            version=key.version,
            bundle=key.bundle,
            route=key.route,
            minute=datetime.fromtimestamp(key.minute * _SECONDS, UTC),
            calls=tally.calls,
            failures=dict(tally.failures),
            times=list(tally.times),
        )

    def _forget(self, *, before: int) -> None:
        with self._lock:
            for key in [key for key in self._tallies if key.minute < before and key not in self._changed]:
                del self._tallies[key]


def counts_forget() -> int:
    """Delete what is older than any trial looks back; how many rows."""
    return VersionCount.objects.filter(minute__lt=timezone.now() - KEPT).delete()[0]


def _write(rows: list[VersionCount]) -> None:
    VersionCount.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["writer", "model", "version", "bundle", "route", "minute"],
        update_fields=["calls", "failures", "times"],
    )


@dataclass(frozen=True)
class Fared:
    """How a version fared in some time: sums over processes and minutes. `times` as in `VersionCount`."""

    calls: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    times: tuple[int, ...] = (0,) * (len(_BOUNDS) + 1)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(plain["calls"], plain["failures"], tuple(plain["times"]))

    def plain(self) -> dict[str, Any]:
        """What JSON can keep, and `of` reads."""
        return {"calls": self.calls, "failures": dict(self.failures), "times": list(self.times)}

    def __add__(self, other: "Fared") -> "Fared":
        """Both times together, which must not overlap."""
        failures = Counter(self.failures) + Counter(other.failures)
        times = tuple(one + more for one, more in zip(self.times, other.times, strict=True))
        return Fared(self.calls + other.calls, dict(failures), times)

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def timed(self) -> int:
        return sum(self.times)

    def slower_than(self, milliseconds: int) -> int:
        """How many of the timed calls took longer; `milliseconds` is one of LATENCY_BOUNDS."""
        return sum(self.times[LATENCY_BOUNDS.index(milliseconds) + 1 :])

    def percentile(self, share: float) -> float | None:
        """The bound in milliseconds below which that share of the timed calls lies; None without any, or beyond all."""
        wanted, seen = share * self.timed, 0
        for bound, count in zip(LATENCY_BOUNDS, self.times, strict=False):
            seen += count
            if self.timed and seen >= wanted:
                return bound
        return None


def fared(
    *, model: str, version: int, routes: tuple[str, ...], since: datetime, until: datetime | None = None
) -> Fared:
    """How a version fared in the minutes from that of `since` on, and before that of `until`."""
    rows = VersionCount.objects.filter(
        model=model, version=version, route__in=routes, minute__gte=since.replace(second=0, microsecond=0)
    )
    if until is not None:
        rows = rows.filter(minute__lt=until.replace(second=0, microsecond=0))
    calls, failures, times = 0, Counter[str](), [0] * (len(_BOUNDS) + 1)
    for row_calls, row_failures, row_times in rows.values_list("calls", "failures", "times").iterator():
        calls += row_calls
        failures.update(row_failures)
        times = [one + more for one, more in zip(times, row_times, strict=True)]
    return Fared(calls, dict(failures), tuple(times))
