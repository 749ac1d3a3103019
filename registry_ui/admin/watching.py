"""What the last day asked of a model and how right its answers were: small on the home page, larger on the model's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite

from ml_pipeline.learning.bootstrap import Interval
from predictions.errors import OUR_CODES
from registry_ui.admin.charts import Chart, Place, Series, chart, nice_top
from registry_ui.admin.figures import count_shown, percent_shown, seconds_shown
from registry_ui.admin.sparklines import Sparkline, spark_bars, spark_line
from registry_ui.models import DriftReport
from registry_ui.selectors import LiveAccuracy, LivePerformance
from registry_ui.selectors.traffic import Traffic
from registry_ui.services.model_card import metric_name

SHOWN_METRICS = ("accuracy", "f1", "precision", "recall", "expected_cost")
_LINES = ("candidate", "champion", "candidate second", "champion second")
_HOURS = 24
_WORTH_A_LOOK = 0.01  # of the requests failed


@dataclass(frozen=True)
class Tile:
    """One figure with its small chart. `tone` is a class: worse where it wants a look."""

    name: str
    figure: str
    note: str
    spark: Sparkline | None
    tone: str = ""


def tiles(traffic: Traffic, live: LiveAccuracy | None, drift: DriftReport | None) -> list[Tile]:
    """Traffic, what failed, the time of an answer, live accuracy, and what drift was found."""
    asked = [_traffic_tile(traffic), _failed_tile(traffic), _latency_tile(traffic)]
    return [*asked, _accuracy_tile(live), _drift_tile(drift)]


def traffic_charts(traffic: Traffic) -> list[Chart]:
    """The last day of one model, with axes; none where nothing was asked."""
    if not sum(traffic.asked):
        return []
    labels = [(place / _HOURS, f"{traffic.starts[place * 2]:%H}:00") for place in range(0, _HOURS, 6)]
    shown: list[tuple[str, str, str, Sequence[float | None]]] = [
        ("traffic", "Predictions by half hour", "Predictions", list(map(float, traffic.rows))),
        ("failed", "Failed, share by half hour", "Share", traffic.failed_shares),
        ("refused", "Refused, share by half hour", "Share", traffic.refused_shares),
        ("latency", "Time of an answer, p95", "Milliseconds", [_milliseconds(one) for one in traffic.p95_seconds]),
    ]
    return [
        chart(
            name=f"chart-{name}",
            title=title,
            description=f"{title}, over the last day: at most {max(filter(None, values), default=0.0):.3g}.",
            axes=("Time (UTC)", unit),
            series=[Series(title, "candidate", _places(values), dots=_stands_alone(values))],
            top=nice_top(max(filter(None, values), default=0.0)),
            x_labels=labels,
        )
        for name, title, unit, values in shown
    ]


def _stands_alone(values: Sequence[float | None]) -> bool:
    """Whether a value has no neighbour: a line would not show it."""
    known = [value is not None for value in (None, *values, None)]
    return any(
        here and not before and not after for before, here, after in zip(known, known[1:], known[2:], strict=False)
    )


def accuracy_chart(live: LiveAccuracy) -> Chart:
    """The champion's accuracy by day of the last month, with 95 % intervals."""
    days = len(live.by_day)
    known = [((place + 0.5) / days, day) for place, day in enumerate(live.by_day) if day is not None]
    series = [
        Series(f"version {live.version}", "candidate", [(x, day.value) for x, day in known], dots=True),
        Series("95 % interval", "whisker candidate", _whiskers(known)),
    ]
    if live.held_out is not None:
        series.append(Series("held-out", "guide", [(0.0, live.held_out), (1.0, live.held_out)]))
    heights = [day.low for _, day in known] + ([] if live.held_out is None else [live.held_out])
    right = percent_shown(live.accuracy.value)
    first = live.until - timedelta(days=days - 1)
    return chart(
        name="chart-live",
        title="Live accuracy by day",
        description=f"{right} of the last month's {live.labels} labelled answers were right.",
        axes=("Day", "Accuracy"),
        series=series,
        bottom=_bottom(heights),
        x_labels=[((place + 0.5) / days, f"{first + timedelta(days=place):%d %b}") for place in range(0, days, 7)],
    )


def performance_charts(performance: LivePerformance) -> list[Chart]:
    """Each metric over time: a line with 95 % intervals a version, at most two, and their held-out values."""
    versions = performance.versions[:2]
    starts = sorted({period.start for version in versions for period in version.periods})
    if not starts:
        return []
    place = {start: (index + 0.5) / len(starts) for index, start in enumerate(starts)}
    every = max(1, len(starts) // 4)
    labels = [(place[start], f"{start:%d %b}") for start in starts[::every]]
    return [_performance_chart(performance, name, place, labels) for name in SHOWN_METRICS]


def _performance_chart(
    performance: LivePerformance, metric: str, place: Mapping[date, float], labels: Sequence[tuple[float, str]]
) -> Chart:
    series, heights = [], []
    for version, kind in zip(performance.versions[:2], _LINES, strict=False):
        known = [(place[one.start], one.metrics[metric]) for one in version.periods]
        known = [(x, interval) for x, interval in known if isfinite(interval.value)]
        series += [
            Series(f"version {version.number}", kind, [(x, one.value) for x, one in known], dots=True),
            Series("95 % interval", f"whisker {kind}", _whiskers(known)),
        ]
        heights += [end for _, one in known for end in (one.low, one.high)]
    newest = performance.versions[0]
    if (held_out := newest.held_out.get(metric)) is not None:
        value = held_out["value"]
        series.append(Series(f"version {newest.number}, held-out", "guide", [(0.0, value), (1.0, value)]))
        heights.append(value)
    is_share = metric != "expected_cost"
    top = 1.0 if is_share else nice_top(max(heights, default=0.0))
    title = f"{metric_name(metric)} by {performance.step}"
    whole = newest.total.metrics[metric].value
    told = f"{whole:.4g} in all" if isfinite(whole) else "none in all"
    return chart(
        name=f"chart-live-{metric}",
        title=title,
        description=f"{title}, of {newest.total.labels} labelled answers of version {newest.number}: {told}.",
        axes=("Day" if performance.step == "day" else "Week", metric_name(metric)),
        series=series,
        top=top,
        bottom=_bottom(heights) if is_share else 0.0,
        x_labels=labels,
    )


def _bottom(heights: Sequence[float]) -> float:
    """Where the axis of a share begins, so that its fifths read well and nothing lies below."""
    lowest = min(heights, default=0.0)
    return next(bottom for bottom in (0.95, 0.9, 0.75, 0.5, 0.0) if bottom <= lowest)


def _whiskers(known: Sequence[tuple[float, Interval]]) -> list[Place]:
    """A vertical line for each interval."""
    return [point for x, one in known for point in ((x, one.low), (x, one.high), (x, None))]


def _places(values: Sequence[float | None]) -> list[Place]:
    return [((index + 0.5) / len(values), value) for index, value in enumerate(values)]


def _traffic_tile(traffic: Traffic) -> Tile:
    rows = sum(traffic.rows)
    busiest = max(range(len(traffic.rows)), key=lambda place: traffic.rows[place])
    told = f"{rows} predictions in 24 hours"
    if rows:
        told += f", most at {traffic.starts[busiest]:%H:%M} UTC: {traffic.rows[busiest]} in half an hour"
    return Tile("Predictions", count_shown(rows), "in 24 hours", spark_bars(traffic.rows, told))


def _failed_tile(traffic: Traffic) -> Tile:
    """What failed by our fault is the figure; what callers did wrong stands below."""
    failed, refused = traffic.failed_share, traffic.refused_share
    if failed is None or refused is None:
        return Tile("Failed", "–", "nothing was asked", None)
    ours = [f"{code} {count}" for code, count in traffic.codes.items() if code in OUR_CODES]
    told = f"{percent_shown(failed)} of the requests failed by our fault, {percent_shown(refused)} were refused"
    spark = spark_bars(traffic.failed_shares, told, kind="bars bad", least_top=0.1)
    note = ", ".join([*ours[:2], f"{percent_shown(refused)} refused" if refused else "none refused"])
    return Tile("Failed", percent_shown(failed), note, spark, "worse" if failed > _WORTH_A_LOOK else "")


def _latency_tile(traffic: Traffic) -> Tile:
    seconds = traffic.whole_p95_seconds
    if seconds is None:
        return Tile("Time, p95", "–", "nothing was answered", None)
    told = f"95 % of the answers took less than {seconds_shown(seconds)}"
    return Tile("Time, p95", seconds_shown(seconds), "inside the service", spark_line(traffic.p95_seconds, told))


def _accuracy_tile(live: LiveAccuracy | None) -> Tile:
    if live is None:
        return Tile("Live accuracy", "–", "no true label known", None)
    accuracy = live.accuracy
    told = f"{percent_shown(accuracy.value)} of {live.labels} labelled answers of 30 days were right"
    by_day = [None if day is None else day.value for day in live.by_day]
    known = [value for value in (*by_day, live.held_out) if value is not None]
    spark = spark_line(by_day, told, bottom=min(known) - 0.05, top=max(known) + 0.01, guide=live.held_out)
    fell = live.held_out is not None and accuracy.high < live.held_out
    note = f"{percent_shown(accuracy.low)} to {percent_shown(accuracy.high)}, {count_shown(live.labels)} labels"
    return Tile("Live accuracy", percent_shown(accuracy.value), note, spark, "worse" if fell else "")


def _drift_tile(report: DriftReport | None) -> Tile:
    if report is None:
        return Tile("Drift", "–", "not looked for yet", None)
    note = f"{count_shown(report.rows)} answers, {report.created_at:%d %b %H:%M}"
    tone = "worse" if report.state == DriftReport.State.DRIFTED else ""
    return Tile("Drift", report.get_state_display(), note, None, tone)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1_000 * seconds
