"""How versions fare: calls, failures and times, counted in memory by requests and written beside them.

A prediction that failed has no row in the log. What a version did to its callers is told here, whatever the log keeps.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
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
_LARGEST, _EXACT = 1_024, 32
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
    sizes: Counter[tuple[int, bool]] = field(default_factory=Counter)  # and whether the call failed


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
        self,
        *,
        model: str,
        version: int,
        bundle: str,
        route: str,
        rows: int = 1,
        seconds: float | None = None,
        failure: str = "",
    ) -> None:
        """One call of a version, and how it went; `seconds` only of a single row, or lists would seem slow."""
        key = _Key(model, version, bundle, route, int(time()) // _SECONDS)
        size = rows if rows < _EXACT else size_of(rows)
        with self._lock:
            tally = self._tallies.get(key) or self._tallies.setdefault(key, _Tally())
            tally.calls += 1
            tally.sizes[size, failure != ""] += 1
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
            sizes={str(size): [tally.sizes[size, False], tally.sizes[size, True]] for size, _ in tally.sizes},
        )

    def _forget(self, *, before: int) -> None:
        with self._lock:
            for key in [key for key in self._tallies if key.minute < before and key not in self._changed]:
                del self._tallies[key]


def size_of(rows: int) -> int:
    """The class of a call of so many rows, by its least: each number up to 31, then classes 6 % wide at most.

    Within a class the larger calls fail more often, too, by less than the smallest difference that a trial bets on.
    """
    rows = min(rows, _LARGEST)
    beyond = max(0, rows.bit_length() - _EXACT.bit_length() + 1)
    return rows >> beyond << beyond


def counts_forget() -> int:
    """Delete what is older than any trial looks back; how many rows."""
    return VersionCount.objects.filter(minute__lt=timezone.now() - KEPT).delete()[0]


def _write(rows: list[VersionCount]) -> None:
    VersionCount.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["writer", "model", "version", "bundle", "route", "minute"],
        update_fields=["calls", "failures", "times", "sizes"],
    )


@dataclass(frozen=True)
class Fared:
    """How a version fared in some time: sums over processes and minutes. `times` and `sizes` as in `VersionCount`."""

    calls: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    times: tuple[int, ...] = (0,) * (len(_BOUNDS) + 1)
    sizes: Mapping[int, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        by_size: dict[int, list[int]] = {}
        _add_sizes(by_size, plain.get("sizes"), plain["calls"], plain["failures"])
        return cls(plain["calls"], plain["failures"], tuple(plain["times"]), by_size)

    def plain(self) -> dict[str, Any]:
        """What JSON can keep, and `of` reads."""
        sizes = {str(size): list(cells) for size, cells in self.sizes.items()}
        return {"calls": self.calls, "failures": dict(self.failures), "times": list(self.times), "sizes": sizes}

    def __add__(self, other: "Fared") -> "Fared":
        """Both times together, which must not overlap."""
        failures = Counter(self.failures) + Counter(other.failures)
        times = tuple(one + more for one, more in zip(self.times, other.times, strict=True))
        by_size = {size: list(cells) for size, cells in self.sizes.items()}
        _add_sizes(by_size, other.sizes, other.calls, other.failures)
        return Fared(self.calls + other.calls, dict(failures), times, by_size)

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
    sums, by_size = _Tally(), dict[int, list[int]]()
    for calls, failures, times, sizes in rows.values_list("calls", "failures", "times", "sizes").iterator():
        sums.calls += calls
        sums.failures.update(failures)
        sums.times = [one + more for one, more in zip(sums.times, times, strict=True)]
        _add_sizes(by_size, sizes, calls, failures)
    return Fared(sums.calls, dict(sums.failures), tuple(sums.times), by_size)


def _add_sizes(
    sums: dict[int, list[int]], sizes: Mapping[Any, Sequence[int]] | None, calls: int, failures: Mapping[str, int]
) -> None:
    """Add answered and failed calls by size; where sizes were not counted yet, all as single rows."""
    failed = sum(failures.values())
    for size, (answered, broken) in ({1: (calls - failed, failed)} if sizes is None else sizes).items():
        cells = sums.setdefault(int(size), [0, 0])
        cells[0] += answered
        cells[1] += broken
