"""The metrics of the review page: candidate and champion on the same rows, with the bars of their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry_ui.services.evidence import LOWER_IS_BETTER
from registry_ui.services.model_card import metric_name

_BAR_WIDTH = 200.0


@dataclass(frozen=True)
class Measured:
    """A metric with its 95 % interval; `left` and `width` place that interval on the row's bar, in its units."""

    value: float
    low: float | None
    high: float | None
    left: float = 0.0
    width: float = 0.0
    mark: float = 0.0


@dataclass(frozen=True)
class MetricRow:
    """One metric of candidate and champion on the same held-out rows.

    `trend`: better or worse by the plain difference. `paired` is that difference's interval, where it was measured, and
    `sure` says whether it leaves 0 outside.
    """

    name: str
    is_decisive: bool
    candidate: Measured
    champion: Measured | None
    difference: float | None
    trend: str
    floor: float | None
    passes_floor: bool
    paired: Mapping[str, float] | None = None
    sure: bool = False


def metric_row(row: Mapping[str, Any]) -> MetricRow:
    candidate, champion, paired = row["candidate"], row["champion"], row["paired"]
    ends = [value for one in (candidate, champion or {}) for value in one.values() if value is not None]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    mine, theirs = _measured(candidate, low, span), champion and _measured(champion, low, span)
    difference = mine.value - theirs.value if theirs else None
    return MetricRow(
        name=metric_name(row["metric"]),
        is_decisive=row["decisive"],
        candidate=mine,
        champion=theirs or None,
        difference=difference,
        trend=tone_of(row["metric"], difference) if difference else "",
        floor=row["floor"],
        passes_floor=row["floor"] is None or mine.value >= row["floor"],
        paired=paired,
        sure=paired is not None and not paired["low"] <= 0 <= paired["high"],
    )


def _measured(values: Mapping[str, float], start: float, span: float) -> Measured:
    def place(value: float) -> float:
        return round((value - start) / span * _BAR_WIDTH, 1)

    value, low, high = values["value"], values.get("low"), values.get("high")
    left, right = place(value if low is None else low), place(value if high is None else high)
    return Measured(value, low, high, left=left, width=max(right - left, 1.0), mark=place(value))


def tone_of(metric: str, difference: float) -> str:
    return "better" if (difference > 0) != (metric in LOWER_IS_BETTER) else "worse"
