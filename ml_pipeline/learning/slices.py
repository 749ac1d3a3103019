"""How a model does on parts of the held-out rows, so that an average does not hide a group."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.inputs import Row, Value
from ml_pipeline.learning.bootstrap import bootstrap_intervals, finite, finite_differences, paired_differences
from ml_pipeline.learning.metrics import Costs, Scored

Members = NDArray[np.bool_]

_MOST_VALUES = 20
_OTHER = "(other)"
_MISSING = "(missing)"


def slice_report(
    rows: Sequence[Row], scored: Scored, *, fields: Sequence[str], costs: Costs, draws: int
) -> dict[str, dict[str, Any]]:
    """For each field and each of its values: rows, metrics with intervals and, in a binary model, both error rates.

    Beyond the 20 most frequent values the rest are one slice.
    """

    def described(members: Members) -> dict[str, Any]:
        part = scored.take(members)
        metrics = finite(bootstrap_intervals(part, costs=costs, draws=draws))
        return {"rows": len(part), "metrics": metrics, **_error_rates(part)}

    return {field: _by_value([row[field] for row in rows], described) for field in fields}


def compared_slices(
    rows: Sequence[Row], candidate: Scored, champion: Scored, *, fields: Sequence[str], costs: Costs, draws: int
) -> dict[str, dict[str, Any]]:
    """The slices of `slice_report` with two models on the same rows: every metric's paired difference, error rates."""

    def described(members: Members) -> dict[str, Any]:
        mine, theirs = candidate.take(members), champion.take(members)
        differences = finite_differences(paired_differences(mine, theirs, costs=costs, draws=draws))
        rates = {"candidate": _error_rates(mine), "champion": _error_rates(theirs)}
        return {"rows": len(mine), "differences": differences, **rates}

    return {field: _by_value([row[field] for row in rows], described) for field in fields}


def _by_value(values: Sequence[Value], described: Callable[[Members], dict[str, Any]]) -> dict[str, Any]:
    names = [_shown(value) for value in values]
    ranked = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    kept = {name for name, _ in ranked[:_MOST_VALUES]}
    grouped = np.array([name if name in kept else _OTHER for name in names])
    return {str(name): described(grouped == name) for name in np.unique(grouped)}


def _error_rates(scored: Scored) -> dict[str, float | None]:
    """The share of negatives that are called positive, and of positives that are missed; None without such rows.

    Nothing for a multi-class model.
    """
    if len(scored.classes) > 1:
        return {}
    negative, positive = scored.labels == 0, scored.labels == 1
    return {
        "false_positive_rate": float((scored.decisions[negative] == 1).mean()) if negative.any() else None,
        "false_negative_rate": float((scored.decisions[positive] == 0).mean()) if positive.any() else None,
    }


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _MISSING if value is None else str(value)
