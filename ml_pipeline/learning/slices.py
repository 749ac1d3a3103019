"""How a model does on parts of the held-out rows, so that an average does not hide a group."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ml_pipeline.inputs import Row, Value
from ml_pipeline.learning.bootstrap import bootstrap_intervals, finite
from ml_pipeline.learning.metrics import Costs, Scored

_MOST_VALUES = 20
_OTHER = "(other)"
_MISSING = "(missing)"


def slice_report(
    rows: Sequence[Row], scored: Scored, *, fields: Sequence[str], costs: Costs, draws: int
) -> dict[str, dict[str, Any]]:
    """For each field and each of its values: rows, metrics with intervals and, in a binary model, both error rates.

    Beyond the 20 most frequent values the rest are one slice.
    """
    return {field: _by_value([row[field] for row in rows], scored, costs, draws) for field in fields}


def _by_value(values: Sequence[Value], scored: Scored, costs: Costs, draws: int) -> dict[str, Any]:
    names = [_shown(value) for value in values]
    ranked = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    kept = {name for name, _ in ranked[:_MOST_VALUES]}
    grouped = np.array([name if name in kept else _OTHER for name in names])
    return {str(name): _described(scored.take(grouped == name), costs, draws) for name in np.unique(grouped)}


def _described(scored: Scored, costs: Costs, draws: int) -> dict[str, Any]:
    metrics = finite(bootstrap_intervals(scored, costs=costs, draws=draws))
    return {"rows": len(scored), "metrics": metrics, **(_error_rates(scored) if len(scored.classes) == 1 else {})}


def _error_rates(scored: Scored) -> dict[str, float | None]:
    """The share of negatives that are called positive, and of positives that are missed; None without such rows."""
    negative, positive = scored.labels == 0, scored.labels == 1
    return {
        "false_positive_rate": float((scored.decisions[negative] == 1).mean()) if negative.any() else None,
        "false_negative_rate": float((scored.decisions[positive] == 0).mean()) if positive.any() else None,
    }


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _MISSING if value is None else str(value)
