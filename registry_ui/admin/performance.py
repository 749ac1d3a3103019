"""The page of live performance: charts, each version beside its held-out values, and every period as a table."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from ml_pipeline.learning.bootstrap import Interval
from registry_ui.admin.watching import SHOWN_METRICS, performance_charts
from registry_ui.selectors import LivePerformance
from registry_ui.services.model_card import metric_name

Cell = tuple[str, str]


def performance_context(performance: LivePerformance) -> dict[str, Any]:
    return {
        "performance": performance,
        "charts": performance_charts(performance),
        "columns": [metric_name(name) for name in SHOWN_METRICS],
        "versions": [
            {
                "number": one.number,
                "labels": one.total.labels,
                "live": _cells(one.total.metrics),
                "held_out": [_held_out(one.held_out, name) for name in SHOWN_METRICS],
                "periods": [(period, _cells(period.metrics)) for period in reversed(one.periods)],
            }
            for one in performance.versions
        ],
    }


def _cells(metrics: Mapping[str, Interval]) -> list[Cell]:
    """Value and interval of each shown metric."""
    return [_cell(metrics[name].value, metrics[name].low, metrics[name].high) for name in SHOWN_METRICS]


def _held_out(held_out: Mapping[str, Mapping[str, float]], name: str) -> Cell:
    if name not in held_out:
        return "–", ""
    return _cell(*(held_out[name][end] for end in ("value", "low", "high")))


def _cell(value: float, low: float, high: float) -> Cell:
    return (f"{value:.4f}", f"{low:.4f} to {high:.4f}") if isfinite(value) else ("–", "")
