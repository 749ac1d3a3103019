"""How good answers turned out to be, as the API tells it."""

from collections.abc import Mapping
from datetime import date, datetime
from math import isfinite
from typing import Literal, Self

from pydantic import BaseModel

from ml_pipeline.learning.bootstrap import Interval
from registry_ui.selectors import LivePerformance
from registry_ui.selectors.live_performance import Period


class IntervalShape(BaseModel):
    """A value and its 95 % interval: Wilson's for shares of rows, else of draws; of held-out rows by bootstrap."""

    value: float
    low: float
    high: float


class PeriodShape(BaseModel):
    """Answers from `start` up to and with `end` (UTC) whose true label is known; what is undefined is left out."""

    start: date
    end: date
    labels: int
    metrics: dict[str, IntervalShape]

    @classmethod
    def of(cls, period: Period) -> Self:
        return cls(start=period.start, end=period.end, labels=period.labels, metrics=_shown(period.metrics))


class VersionPerformanceShape(BaseModel):
    """One version. `held_out` has the same metrics from its evaluation."""

    version: int
    held_out: dict[str, IntervalShape]
    total: PeriodShape
    periods: list[PeriodShape]


class PerformanceShape(BaseModel):
    """The newest version first. `counted_at` is when labels were last counted; `step` how long a period is."""

    model: str
    step: Literal["day", "week"]
    counted_at: datetime | None
    versions: list[VersionPerformanceShape]

    @classmethod
    def of(cls, performance: LivePerformance) -> Self:
        return cls(
            model=performance.model,
            step=performance.step,
            counted_at=performance.counted_at,
            versions=[
                VersionPerformanceShape(
                    version=one.number,
                    held_out={
                        name: IntervalShape.model_validate(one.held_out[name])
                        for name in one.total.metrics
                        if name in one.held_out
                    },
                    total=PeriodShape.of(one.total),
                    periods=[PeriodShape.of(period) for period in one.periods],
                )
                for one in performance.versions
            ],
        )


def _shown(metrics: Mapping[str, Interval]) -> dict[str, IntervalShape]:
    return {
        name: IntervalShape(value=one.value, low=one.low, high=one.high)
        for name, one in metrics.items()
        if isfinite(one.value)
    }
