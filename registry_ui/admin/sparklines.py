"""Charts as small as a word: one path each, with a sentence for who cannot see it."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 120.0, 28.0
_GAP = 0.2  # of a bar's place


@dataclass(frozen=True)
class Sparkline:
    """`kind` is its class: bars are filled, a line is drawn. `guide` is the height of a horizontal line."""

    kind: str
    path: str
    description: str
    guide: float | None = None
    width: float = WIDTH
    height: float = HEIGHT


def spark_bars(
    values: Sequence[float | None], description: str, *, kind: str = "bars", least_top: float = 0.0
) -> Sparkline:
    """Bars from 0 to the largest, or to `least_top`, so that what is small looks small; None and 0 have no bar."""
    top = max([least_top, *(value for value in values if value)])
    step = WIDTH / max(len(values), 1)
    bars = []
    for place, value in enumerate(values):
        if value and top:
            high = max(1.0, value / top * HEIGHT)
            bars.append(f"M{place * step:.1f},{HEIGHT:g}v{-high:.1f}h{step * (1 - _GAP):.1f}V{HEIGHT:g}z")
    return Sparkline(kind, "".join(bars), description)


def spark_line(
    values: Sequence[float | None], description: str, *, bottom: float = 0.0, top: float | None = None,
    guide: float | None = None,
) -> Sparkline:  # fmt: skip
    """A line over places, interrupted where a value is None; a value between two gaps is a dash."""
    highest = top if top is not None else max((value for value in values if value is not None), default=0.0)
    span = max(highest - bottom, 1e-9)
    step = WIDTH / max(len(values), 1)
    path, pen = "", "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        path += f"{pen}{place * step:.1f},{_y(value, bottom, span):.1f}h{step * (1 - _GAP):.1f}"
        pen = "L"
    return Sparkline("line", path, description, None if guide is None else round(_y(guide, bottom, span), 1))


def _y(value: float, bottom: float, span: float) -> float:
    return 1 + (1 - min(max((value - bottom) / span, 0.0), 1.0)) * (HEIGHT - 2)
