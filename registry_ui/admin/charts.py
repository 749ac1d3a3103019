"""Charts as the server draws them: points become paths in one SVG, told apart by dash as well as by colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LEFT, _TOP, _WIDTH, _HEIGHT = 44.0, 8.0, 264.0, 190.0
_TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line through points. `kind` is its class: candidate, champion, guide, and variants of dash."""

    name: str
    kind: str
    points: Sequence[Point]
    dots: bool = False


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A series as the SVG holds it."""

    name: str
    kind: str
    path: str
    dots: list[Point]


@dataclass(frozen=True)
class Chart:
    """Everything that `chart.html` draws, in its own coordinates."""

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    marker: float | None = None
    left: float = _LEFT
    top: float = _TOP
    right: float = _LEFT + _WIDTH
    bottom: float = _TOP + _HEIGHT
    width: float = _WIDTH


def chart(
    *,
    name: str,
    title: str,
    description: str,
    axes: tuple[str, str],
    series: Sequence[Series],
    top: float = 1.0,
    marker: float | None = None,
    x_labels: Sequence[tuple[float, str]] = (),
) -> Chart:
    """A chart over the unit interval, its vertical axis from 0 to `top`; `marker` is a vertical line at that x.

    `x_labels` stand in the place of the interval's own numbers.
    """
    fifths = [(step / _TICKS, f"{step / _TICKS:g}") for step in range(_TICKS + 1)]
    return Chart(
        name=name,
        title=title,
        description=description,
        x_label=axes[0],
        y_label=axes[1],
        lines=[_line(one, top) for one in series if one.points],
        x_ticks=[Tick(_x(at), text) for at, text in x_labels or fifths],
        y_ticks=[Tick(_y(top * step / _TICKS, top), f"{top * step / _TICKS:.2g}") for step in range(_TICKS + 1)],
        marker=None if marker is None else _x(marker),
    )


def points(records: Sequence[dict[str, Any]], x: str, y: str) -> list[Point]:
    return [(record[x], record[y]) for record in records]


def _line(series: Series, top: float) -> Line:
    placed = [(_x(x), _y(y, top)) for x, y in series.points]
    path = "M" + "L".join(f"{x:g},{y:g}" for x, y in placed)
    return Line(series.name, series.kind, path, placed if series.dots else [])


def _x(value: float) -> float:
    return round(_LEFT + value * _WIDTH, 1)


def _y(value: float, top: float) -> float:
    return round(_TOP + (1 - min(value / top, 1.0)) * _HEIGHT, 1)
