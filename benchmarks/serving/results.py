"""What a run has seen, in rounds, and how it is summed up: medians with ranges, and ratios taken round by round."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

from benchmarks.serving.load import Load
from benchmarks.serving.measuring import Visit, Window

Measure = Callable[[Visit], float | None]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of some rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        return cls(statistics.median(values), min(values), max(values)) if values else None

    def text(self, digits: int = 2) -> str:
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f}-{self.high:,.{digits}f})"


@dataclass
class Results:
    """Visits by round and peer, and answers' times at a fixed rate by round and peer."""

    about: Mapping[str, str]
    rounds: list[dict[str, Visit]] = field(default_factory=list)
    rate: int = 0
    rate_rounds: list[dict[str, Load]] = field(default_factory=list)

    def peers(self) -> list[str]:
        return list(dict.fromkeys(name for visits in self.rounds for name in sorted(visits)))

    def spread(self, peer: str, measure: Measure) -> Spread | None:
        """Over the rounds; None where the peer was not measured."""
        values = [measure(visits[peer]) for visits in self.rounds if peer in visits]
        return Spread.of([value for value in values if value is not None])

    def ratio(self, peer: str, other: str, measure: Measure) -> Spread | None:
        """Of the two in each round: what the machine did besides was nearly the same for both."""
        values = [
            mine / theirs
            for visits in self.rounds
            if peer in visits and other in visits
            if (mine := measure(visits[peer])) is not None and (theirs := measure(visits[other]))
        ]
        return Spread.of(values)

    def rate_excess(self, peer: str, other: str) -> Spread | None:
        """By how many milliseconds the p99 at the fixed rate lies above the other's; without end where one failed."""
        return Spread.of(
            [inf if loads[peer].errors else loads[peer].p99_ms - loads[other].p99_ms for loads in self.rate_rounds]
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "about": dict(self.about),
            "rounds": [{name: asdict(visit) for name, visit in visits.items()} for visits in self.rounds],
            "fixed_rate": {
                "per_second": self.rate,
                "rounds": [{name: asdict(load) for name, load in loads.items()} for loads in self.rate_rounds],
            },
        }


def in_window(texts: int, connections: int, value: Callable[[Window], float], *, explain: bool = False) -> Measure:
    """A measure of the window of that shape."""

    def measure(visit: Visit) -> float | None:
        shape = (texts, connections, explain)
        found = [window for window in visit.windows if (window.texts, window.connections, window.explain) == shape]
        return value(found[0]) if found else None

    return measure


def cpu(connections: int = 8, texts: int = 1, *, explain: bool = False) -> Measure:
    return in_window(texts, connections, lambda window: window.cpu_ms, explain=explain)


def requests(connections: int) -> Measure:
    return in_window(1, connections, lambda window: window.per_second)


def texts_per_second(texts: int, connections: int = 8) -> Measure:
    return in_window(texts, connections, lambda window: window.per_second * texts)
