"""From probabilities to decisions: the threshold, tuned on out-of-fold probabilities of training rows.

A row is decided positive where its probability is at least the threshold. Between two neighbouring scores every
threshold decides alike, so each gap is one candidate, represented by its middle. The best candidate that meets the
requirements wins; among equals the one nearest to 0.5, then the lower.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.errors import UnreachableRequirement
from ml_pipeline.learning.metrics import Floats, Indices, ratio
from ml_pipeline.spec import Decision

_CURVE_POINTS = 101


@dataclass(frozen=True)
class ThresholdCurve:
    """Candidate thresholds, rising, and what each would give (arrays of one length)."""

    thresholds: Floats
    metrics: dict[str, Floats]

    def at(self, index: int) -> dict[str, float]:
        return {name: float(values[index]) for name, values in self.metrics.items()}

    def points(self, most: int = _CURVE_POINTS) -> list[dict[str, float]]:
        """The curve for a plot, thinned evenly to at most `most` points."""
        chosen = np.unique(np.linspace(0, len(self.thresholds) - 1, most).round().astype(int))
        return [{"threshold": float(self.thresholds[index]), **self.at(int(index))} for index in chosen]


@dataclass(frozen=True)
class TunedThreshold:
    """The chosen threshold, what it gave on the training folds, and the curve that it was chosen from."""

    threshold: float
    metrics: dict[str, float]
    curve: ThresholdCurve


def tune_threshold(labels: Indices, probabilities: Floats, decision: Decision) -> TunedThreshold:
    """The threshold for the declared objective; UnreachableRequirement where none meets the requirements.

    `labels` are 0 or 1, `probabilities` those of the positive class. Precision without a positive decision is 0.
    """
    curve = threshold_curve(labels, probabilities, decision)
    allowed = _meets(curve, decision.require)
    if not allowed.any():
        raise _unreachable(curve, decision)
    gain = -curve.metrics["expected_cost"] if decision.objective == "cost" else curve.metrics[decision.objective]
    best = np.flatnonzero(allowed & (gain == gain[allowed].max()))
    chosen = int(best[np.argmin(np.abs(curve.thresholds[best] - 0.5))])
    return TunedThreshold(float(curve.thresholds[chosen]), curve.at(chosen), curve)


def threshold_curve(labels: Indices, probabilities: Floats, decision: Decision) -> ThresholdCurve:
    """Every distinct decision that a threshold in [0, 1] can make."""
    scores, position = np.unique(probabilities, return_inverse=True)
    positives = np.bincount(position, weights=labels, minlength=len(scores))
    negatives = np.bincount(position, weights=1 - labels, minlength=len(scores))
    thresholds = _middles(scores)
    found = _from_above(positives)[: len(thresholds)]
    wrong = _from_above(negatives)[: len(thresholds)]
    missed = positives.sum() - found
    right = len(labels) - wrong - missed
    return ThresholdCurve(
        thresholds,
        {
            "accuracy": right / len(labels),
            "f1": ratio(2 * found, 2 * found + wrong + missed),
            "precision": ratio(found, found + wrong),
            "recall": ratio(found, found + missed),
            "expected_cost": (decision.false_positive * wrong + decision.false_negative * missed) / len(labels),
        },
    )


def _middles(scores: Floats) -> Floats:
    """A threshold in each gap: below the lowest score, between neighbours, and above the highest where 1 allows one.

    The middle of two adjacent doubles rounds to one of them; it has to be the upper, which then still decides positive.
    """
    edges = np.concatenate([[0.0], scores, [1.0]])
    lower, upper = edges[:-1], edges[1:]
    middles = lower + (upper - lower) / 2
    middles = np.where(middles > lower, middles, upper)
    return middles if scores[-1] < 1.0 else middles[:-1]


def _from_above(counts: NDArray[Any]) -> Floats:
    """How many score at or above each candidate; the last candidate has none."""
    return np.concatenate([np.cumsum(counts[::-1])[::-1], [0.0]])


def _meets(curve: ThresholdCurve, require: Mapping[Any, float]) -> NDArray[np.bool_]:
    meets = np.ones(len(curve.thresholds), dtype=bool)
    for name, least in require.items():
        meets &= curve.metrics[name] >= least
    return meets


def _unreachable(curve: ThresholdCurve, decision: Decision) -> UnreachableRequirement:
    """Say for each requirement the best that a threshold reaches while it meets the others."""
    wanted = {str(name): least for name, least in decision.require.items()}
    best: dict[str, float | None] = {}
    for name in wanted:
        others = _meets(curve, {other: least for other, least in wanted.items() if other != name})
        best[name] = float(curve.metrics[name][others].max()) if others.any() else None
    shown = ", ".join(
        f"{name} ≥ {least:g} (at best {'nothing' if best[name] is None else f'{best[name]:.4f}'})"
        for name, least in wanted.items()
    )
    return UnreachableRequirement(
        f"No threshold reaches on the training folds what decision.require asks: {shown}; "
        "each best value is that with the other requirements met.",
        advice="Lower a requirement, or choose features and an estimator that separate the labels better.",
        details={"require": wanted, "best": best},
    )
