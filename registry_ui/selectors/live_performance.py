"""How good the answers of each version turned out to be, beside what it gave on held-out rows.

Labels that were told are seldom a random sample: whoever complains is heard. The figures say how good the labelled
answers were, and how sure that is, not how good all were.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from ml_pipeline.learning.bootstrap import Interval
from ml_pipeline.learning.confusion import confusion_intervals, wilson_interval
from ml_pipeline.learning.metrics import Costs
from ml_pipeline.spec import Decision, Target
from predictions.models import Deployment
from registry_ui.models import LabelledDay, ModelVersion

DAYS = 182
RECENT_DAYS = 30
_BY_DAY = 31  # longer than that, a week is a point
_DRAWS = 500

Cells = Counter[tuple[int, int]]


@dataclass(frozen=True)
class Period:
    """What a version answered from `start` up to and with `end`, as far as `labels` true labels are known."""

    start: date
    end: date
    labels: int
    metrics: Mapping[str, Interval]


@dataclass(frozen=True)
class VersionPerformance:
    """A version's labelled answers, over all of the time and by `periods`; `held_out` has its evaluation's values."""

    number: int
    held_out: Mapping[str, Mapping[str, float]]
    total: Period
    periods: Sequence[Period]


@dataclass(frozen=True)
class LivePerformance:
    """The newest version first. `step` is how long a period is; `counted_at` the last time a day was counted."""

    model: str
    step: Literal["day", "week"]
    versions: Sequence[VersionPerformance]
    counted_at: datetime | None


@dataclass(frozen=True)
class LiveAccuracy:
    """The champion's accuracy among the `labels` of the last days, and what it was on held-out rows.

    `by_day` has each of the days up to `until`, the oldest first; None where no label is known.
    """

    version: int
    until: date
    labels: int
    accuracy: Interval
    held_out: float | None
    by_day: Sequence[Interval | None]


def live_performance(*, model: str, today: date | None = None) -> LivePerformance:
    """Of the last half year, two queries; no versions where no label is known."""
    today = today or datetime.now(UTC).date()
    days = list(LabelledDay.objects.filter(model=model, day__gt=today - timedelta(days=DAYS)).order_by("day"))
    labelled = [day for day in days if day.counts]
    step = _step([day.day for day in labelled])
    numbers = {int(number) for day in labelled for number in day.counts}
    columns = ("number", "metrics", "spec__target", "spec__decision")
    known = ModelVersion.objects.filter(model=model, number__in=numbers).order_by("-number").values_list(*columns)
    return LivePerformance(
        model=model,
        step=step,
        versions=[_performance(labelled, number, step, *of) for number, *of in known],
        counted_at=max((day.counted_at for day in days if day.counted_at), default=None),
    )


def live_accuracies(*, deployments: Sequence[Deployment], today: date | None = None) -> dict[str, LiveAccuracy]:
    """Model → how right its champion was in the last month; those without a label are left out. Two queries."""
    today = today or datetime.now(UTC).date()
    champions = {one.model: one.champion_version for one in deployments if one.champion_version is not None}
    since = today - timedelta(days=RECENT_DAYS - 1)
    found: dict[str, dict[date, tuple[int, int]]] = {}
    days = LabelledDay.objects.filter(model__in=champions, day__range=(since, today))
    for model, day, counts in days.values_list("model", "day", "counts"):
        if of_version := counts.get(str(champions[model])):
            right = sum(by_true.get(answered, 0) for answered, by_true in of_version.items())
            found.setdefault(model, {})[day] = right, sum(sum(by_true.values()) for by_true in of_version.values())
    live = ModelVersion.objects.filter(model__in=found, stage=ModelVersion.Stage.PRODUCTION)
    held_out = dict(live.values_list("model", "metrics__accuracy__value"))
    return {
        model: _live_accuracy(champions[model] or 0, by_day, since, held_out.get(model))
        for model, by_day in found.items()
    }


def _live_accuracy(
    version: int, by_day: Mapping[date, tuple[int, int]], since: date, held_out: float | None
) -> LiveAccuracy:
    right, labels = (sum(counts[place] for counts in by_day.values()) for place in (0, 1))
    shown = (by_day.get(since + timedelta(days=place)) for place in range(RECENT_DAYS))
    return LiveAccuracy(
        version=version,
        until=since + timedelta(days=RECENT_DAYS - 1),
        labels=labels,
        accuracy=wilson_interval(right, labels),
        held_out=held_out,
        by_day=[None if counts is None else wilson_interval(*counts) for counts in shown],
    )


def _step(days: Sequence[date]) -> Literal["day", "week"]:
    return "week" if days and (days[-1] - days[0]).days > _BY_DAY else "day"


def _performance(
    days: Sequence[LabelledDay], number: int, step: str, held_out: Any, target: Any, decision: Any
) -> VersionPerformance:
    classes = Target.model_validate(target).classes
    costs = Costs.of(Decision.model_validate(decision))
    by_period: dict[date, list[LabelledDay]] = {}
    for day in days:
        if str(number) in day.counts:
            start = day.day - timedelta(days=day.day.weekday()) if step == "week" else day.day
            by_period.setdefault(start, []).append(day)
    length = timedelta(days=6 if step == "week" else 0)
    periods = [
        _period(start, start + length, _cells(within, number, classes), classes, costs)
        for start, within in by_period.items()
    ]
    whole = [day for within in by_period.values() for day in within]
    total = _period(whole[0].day, whole[-1].day, _cells(whole, number, classes), classes, costs)
    return VersionPerformance(number, held_out, total, periods)


def _cells(days: Iterable[LabelledDay], number: int, classes: Sequence[str]) -> Cells:
    """The counts by (answered, true), as index into the classes."""
    place = {label: index for index, label in enumerate(classes)}
    cells: Cells = Counter()
    for day in days:
        for answered, by_true in day.counts[str(number)].items():
            for true, count in by_true.items():
                if answered in place and true in place:
                    cells[place[answered], place[true]] += count
    return cells


def _period(start: date, end: date, cells: Cells, classes: Sequence[str], costs: Costs) -> Period:
    metrics = confusion_intervals(cells, classes=len(classes), costs=costs, draws=_DRAWS)
    return Period(start, end, cells.total(), metrics)
