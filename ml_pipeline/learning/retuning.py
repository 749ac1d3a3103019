"""What labelled answers would gain by another threshold or another calibration of the same model, honestly estimated.

Both are fitted on some of the rows and judged on the others (cross-validation, Stone 1974), so that no row judges what
it chose; the gain's interval is that of a paired bootstrap. For two labels alone: the log keeps one probability.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ml_pipeline.learning.bootstrap import PairedDifference, paired_differences
from ml_pipeline.learning.decision import tune_threshold
from ml_pipeline.learning.metrics import Costs, Floats, Indices, Scored
from ml_pipeline.learning.recalibration import EDGE, Recalibration
from ml_pipeline.spec import Decision

METRIC_OF = {"accuracy": "accuracy", "f1": "f1", "cost": "expected_cost"}
_FOLDS = 5
_SEED = 20_261_128


@dataclass(frozen=True)
class Retuned:
    """Another threshold. `gain` compares its out-of-fold decisions (candidate) with those given (champion)."""

    threshold: float
    metric: str
    gain: PairedDifference


@dataclass(frozen=True)
class Recalibrated:
    """What puts the probabilities right, and what Brier's score would gain by it."""

    by: Recalibration
    gain: PairedDifference


def retune(labels: Indices, decided: Indices, probabilities: Floats, *, decision: Decision, draws: int) -> Retuned:
    """Labels and decisions are 0 or 1, probabilities those of 1; UnreachableRequirement as by `tune_threshold`."""

    def tuned(rows: Indices) -> Callable[[Floats], Floats]:
        threshold = tune_threshold(labels[rows], probabilities[rows], decision).threshold
        return lambda asked: (asked >= threshold).astype(np.float64)

    fresh = _out_of_fold(labels, probabilities, tuned).astype(np.int64)
    metric, costs = METRIC_OF[decision.objective], Costs.of(decision)
    both = (_scored(labels, decisions, probabilities) for decisions in (fresh, decided))
    gain = paired_differences(*both, costs=costs, draws=draws, metrics=(metric,))[metric]
    return Retuned(tune_threshold(labels, probabilities, decision).threshold, metric, gain)


def recalibrate(labels: Indices, probabilities: Floats, *, draws: int) -> Recalibrated:
    """Fitted on all rows; its gain is that of fits that did not see the row they judge."""

    def fitted(rows: Indices) -> Callable[[Floats], Floats]:
        slope, intercept = _logistic(labels[rows], probabilities[rows])
        return lambda asked: _sigmoid(slope * _logit(asked) + intercept)

    fresh = _out_of_fold(labels, probabilities, fitted)
    both = (_scored(labels, labels, values) for values in (fresh, probabilities))
    gain = paired_differences(*both, costs=Costs(), draws=draws, metrics=("brier",))["brier"]
    return Recalibrated(Recalibration(*_logistic(labels, probabilities)), gain)


def _out_of_fold(
    labels: Indices, probabilities: Floats, fit: Callable[[Indices], Callable[[Floats], Floats]]
) -> Floats:
    """What `fit` on the other folds makes of each row's probability."""
    made = np.empty(len(labels))
    for inside, outside in _folds(labels):
        made[outside] = fit(inside)(probabilities[outside])
    return made


def _folds(labels: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Both labels in equal shares in each fold, in an order drawn once."""
    generator, fold_of = np.random.default_rng(_SEED), np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        fold_of[rows] = np.arange(len(rows)) % _FOLDS
    for fold in range(_FOLDS):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)


def _logistic(labels: Indices, probabilities: Floats) -> tuple[float, float]:
    """Slope and intercept of the largest likelihood, by Newton's method, with Platt's targets against certainty."""
    positives, negatives = labels.sum(), len(labels) - labels.sum()
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.column_stack([_logit(probabilities), np.ones(len(labels))])
    weights = np.array([1.0, 0.0])
    for _ in range(50):
        given = _sigmoid(design @ weights)
        curvature = (design * (given * (1 - given))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (targets - given))
        weights = weights + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def _logit(probabilities: Floats) -> Floats:
    inside = np.clip(probabilities, EDGE, 1 - EDGE)
    odds: Floats = np.log(inside / (1 - inside))
    return odds


def _sigmoid(values: Floats) -> Floats:
    shares: Floats = 1 / (1 + np.exp(-values))
    return shares


def _scored(labels: Indices, decisions: Indices, probabilities: Floats) -> Scored:
    return Scored(labels, decisions, np.column_stack([1 - probabilities, probabilities]))
