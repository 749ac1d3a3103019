"""Charts as the server draws them: points become paths in one SVG, told apart by dash as well as by colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

_LEFT, _TOP, _WIDTH, _HEIGHT = 44.0, 8.0, 264.0, 190.0
_TICKS = 5

Point = tuple[float, float]
Place = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """A line through points, broken where one has no height. `kind` is its class."""

    name: str
    kind: str
    points: Sequence[Place]
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
    right: float = 1.0,
    marker: float | None = None,
    x_labels: Sequence[tuple[float, str]] = (),
    bottom: float = 0.0,
) -> Chart:
    """A chart whose axes go from 0 to `right` and from `bottom` to `top`; `marker` is a vertical line at that x.

    `x_labels` stand in the place of the horizontal axis's own numbers.
    """
    fifths = [(right * step / _TICKS, f"{right * step / _TICKS:.3g}") for step in range(_TICKS + 1)]
    heights = [bottom + (top - bottom) * step / _TICKS for step in range(_TICKS + 1)]
    return Chart(
        name=name,
        title=title,
        description=description,
        x_label=axes[0],
        y_label=axes[1],
        lines=[_line(one, right, bottom, top) for one in series if one.points],
        x_ticks=[Tick(_x(at / right), text) for at, text in x_labels or fifths],
        y_ticks=[Tick(_y(height, bottom, top), _shown(height)) for height in heights],
        marker=None if marker is None else _x(marker / right),
    )


def nice_top(highest: float) -> float:
    """The next height whose fifths read well: 1, 2, 2.5 or 5 times a power of ten."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** floor(log10(highest))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= highest * (1 - 1e-9))


def points(records: Sequence[dict[str, Any]], x: str, y: str) -> list[Point]:
    return [(record[x], record[y]) for record in records]


def _shown(height: float) -> str:
    return f"{height:,.0f}".replace(",", " ") if height >= 1_000 else f"{height:.3g}"


def _line(series: Series, right: float, bottom: float, top: float) -> Line:
    path, pen, placed = "", "M", []
    for x, y in series.points:
        if y is None:
            pen = "M"
            continue
        placed.append((_x(x / right), _y(y, bottom, top)))
        path += f"{pen}{placed[-1][0]:g},{placed[-1][1]:g}"
        pen = "L"
    return Line(series.name, series.kind, path, placed if series.dots else [])


def _x(value: float) -> float:
    return round(_LEFT + value * _WIDTH, 1)


def _y(value: float, bottom: float, top: float) -> float:
    share = (value - bottom) / (top - bottom)
    return round(_TOP + (1 - min(max(share, 0.0), 1.0)) * _HEIGHT, 1)
