"""How good decisions and probabilities are: every metric for many weightings of the same rows at once.

A metric takes `weights` (draws × rows) and gives one value a draw; a row's weight is how often it counts. One row of
ones is the plain metric, the counts of a bootstrap resample are one draw. Binary models: precision, recall, f1, the
areas and Brier's score are those of the positive class (index 1). Multi-class: averages over the classes, one against
the rest ("macro"). Definitions are scikit-learn's with `zero_division=0`; a test compares them. A value that cannot be
computed (an area over rows of one class) is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.spec import Decision

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Costs:
    """What a wrong decision costs in a binary model. In a multi-class model every wrong decision costs 1."""

    false_positive: float = 1.0
    false_negative: float = 1.0

    @classmethod
    def of(cls, decision: Decision) -> Self:
        return cls(decision.false_positive, decision.false_negative)


@dataclass(frozen=True)
class Scored:
    """Rows with their true class, the decided class (both as index), and the probabilities (rows × classes)."""

    labels: Indices
    decisions: Indices
    probabilities: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.bool_] | Indices) -> "Scored":
        return Scored(self.labels[rows], self.decisions[rows], self.probabilities[rows])

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that one-against-the-rest metrics average over: the positive alone where there are two."""
        count = self.probabilities.shape[1]
        return (1,) if count == 2 else tuple(range(count))


Metric = Callable[[Scored, Floats, Costs], Floats]


def metric_values(scored: Scored, costs: Costs) -> dict[str, float]:
    """Every metric of the rows as they are; NaN where it is undefined."""
    ones = np.ones((1, len(scored)))
    return {name: float(metric(scored, ones, costs)[0]) for name, metric in METRICS.items()}


def ratio(numerator: Floats, denominator: Floats, undefined: float = 0.0) -> Floats:
    """`numerator / denominator`, and `undefined` where the denominator is 0."""
    result: Floats = np.full(np.broadcast(numerator, denominator).shape, undefined)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _accuracy(scored: Scored, weights: Floats, _: Costs) -> Floats:
    return ratio(weights @ (scored.labels == scored.decisions), weights.sum(axis=1), np.nan)


def _precision(scored: Scored, weights: Floats, _: Costs) -> Floats:
    return _macro(scored, lambda label: _precision_of(scored, weights, label))


def _recall(scored: Scored, weights: Floats, _: Costs) -> Floats:
    return _macro(scored, lambda label: _recall_of(scored, weights, label))


def _f1(scored: Scored, weights: Floats, _: Costs) -> Floats:
    return _macro(scored, lambda label: _f1_of(scored, weights, label))


def _roc_auc(scored: Scored, weights: Floats, _: Costs) -> Floats:
    return _macro(scored, lambda label: _roc_auc_of(scored, weights, label))


def _pr_auc(scored: Scored, weights: Floats, _: Costs) -> Floats:
    return _macro(scored, lambda label: _average_precision_of(scored, weights, label))


def _brier(scored: Scored, weights: Floats, _: Costs) -> Floats:
    """Brier (1950): binary, the mean squared error of the positive's probability; else summed over the classes."""
    errors = sum((scored.probabilities[:, label] - (scored.labels == label)) ** 2 for label in scored.classes)
    return ratio(weights @ errors, weights.sum(axis=1), np.nan)


def _expected_cost(scored: Scored, weights: Floats, costs: Costs) -> Floats:
    """Mean cost of a row's decision."""
    wrong = scored.labels != scored.decisions
    if len(scored.classes) == 1:
        wrong = wrong * np.where(scored.decisions == 1, costs.false_positive, costs.false_negative)
    return ratio(weights @ wrong, weights.sum(axis=1), np.nan)


METRICS: dict[str, Metric] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "precision": _precision,
    "recall": _recall,
    "roc_auc": _roc_auc,
    "pr_auc": _pr_auc,
    "brier": _brier,
    "expected_cost": _expected_cost,
}
LOWER_IS_BETTER = frozenset({"brier", "expected_cost"})


def _macro(scored: Scored, metric_of: Callable[[int], Floats]) -> Floats:
    return np.mean([metric_of(label) for label in scored.classes], axis=0)  # type: ignore[no-any-return]


def _precision_of(scored: Scored, weights: Floats, label: int) -> Floats:
    decided = scored.decisions == label
    return ratio(weights @ (decided & (scored.labels == label)), weights @ decided)


def _recall_of(scored: Scored, weights: Floats, label: int) -> Floats:
    actual = scored.labels == label
    return ratio(weights @ (actual & (scored.decisions == label)), weights @ actual)


def _f1_of(scored: Scored, weights: Floats, label: int) -> Floats:
    decided, actual = scored.decisions == label, scored.labels == label
    return ratio(2 * (weights @ (decided & actual)), weights @ decided + weights @ actual)


def _roc_auc_of(scored: Scored, weights: Floats, label: int) -> Floats:
    """The share of (positive, negative) pairs that are ranked rightly, a tie counting half (Mann & Whitney 1947)."""
    positives, negatives = _by_rising_score(scored, weights, label)
    below = np.cumsum(negatives, axis=1) - negatives
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return ratio((positives * (below + negatives / 2)).sum(axis=1), pairs, np.nan)


def _average_precision_of(scored: Scored, weights: Floats, label: int) -> Floats:
    """Average precision: each precision weighted by the recall gained at its score; no interpolation."""
    positives, negatives = (part[:, ::-1] for part in _by_rising_score(scored, weights, label))
    found, wrong = np.cumsum(positives, axis=1), np.cumsum(negatives, axis=1)
    gained = (positives * ratio(found, found + wrong)).sum(axis=1)
    return ratio(gained, positives.sum(axis=1), np.nan)


def _by_rising_score(scored: Scored, weights: Floats, label: int) -> tuple[Floats, Floats]:
    """Weights of positives and of negatives (draws × distinct scores, rising)."""
    scores = scored.probabilities[:, label]
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
    positive = (scored.labels == label)[order]
    ordered = weights[:, order]
    total = np.add.reduceat(ordered, starts, axis=1)
    positives = np.add.reduceat(ordered * positive, starts, axis=1)
    return positives, total - positives
