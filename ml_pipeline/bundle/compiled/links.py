"""Links: from the linear scores of a member to the probabilities of the classes, as scikit-learn computes them.

A binary member has one score, that of the positive class; any other has one a class. A link gives one probability a
class, in the order of the labels.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

Link = Callable[[Sequence[float]], list[float]]
Calibrator = Callable[[float], float]


def expit(score: float) -> float:
    """1 / (1 + exp(-score)), without overflow."""
    if score >= 0:
        return 1.0 / (1.0 + math.exp(-score))
    power = math.exp(score)
    return power / (1.0 + power)


def binary_logistic(scores: Sequence[float]) -> list[float]:
    probability = expit(scores[0])
    return [1.0 - probability, probability]


def softmax(scores: Sequence[float]) -> list[float]:
    highest = max(scores)
    return _normalised([math.exp(score - highest) for score in scores])


def one_against_rest(scores: Sequence[float]) -> list[float]:
    return _normalised([expit(score) for score in scores])


def modified_huber(scores: Sequence[float]) -> list[float]:
    """Zadrozny & Elkan (2002), as SGDClassifier has it: the score, clipped to ±1, on the way from 0 to 1."""
    clipped = [(min(max(score, -1.0), 1.0) + 1.0) / 2.0 for score in scores]
    return [1.0 - clipped[0], clipped[0]] if len(clipped) == 1 else _normalised(clipped)


def calibrated(calibrators: Sequence[Calibrator], inner: Link | None) -> Link:
    """Scores, or the probabilities that `inner` makes of them, through one calibrator a class (one alone if binary)."""
    if len(calibrators) == 1:
        (only,) = calibrators

        def binary(scores: Sequence[float]) -> list[float]:
            probability = only(scores[0] if inner is None else inner(scores)[1])
            return [1.0 - probability, probability]

        return binary

    def multiclass(scores: Sequence[float]) -> list[float]:
        values = scores if inner is None else inner(scores)
        return _normalised([calibrate(value) for calibrate, value in zip(calibrators, values, strict=True)])

    return multiclass


def sigmoid_calibrator(slope: float, intercept: float) -> Calibrator:
    """Platt (1999)."""
    return lambda value: expit(-(slope * value + intercept))


def isotonic_calibrator(thresholds: Sequence[float], values: Sequence[float]) -> Calibrator:
    """Linear between the thresholds, constant beyond them."""
    if len(values) == 1:
        return lambda _: values[0]

    def interpolate(value: float) -> float:
        value = min(max(value, thresholds[0]), thresholds[-1])
        high = min(max(bisect_left(thresholds, value), 1), len(thresholds) - 1)
        low = high - 1
        slope = (values[high] - values[low]) / (thresholds[high] - thresholds[low])
        return slope * (value - thresholds[low]) + values[low]

    return interpolate


def recalibrated(change: Callable[[float], float], inner: Link | None) -> Link:
    """The two probabilities that `inner` gives, or as they come, with the positive one changed."""

    def binary(probabilities: Sequence[float]) -> list[float]:
        positive = change((probabilities if inner is None else inner(probabilities))[1])
        return [1.0 - positive, positive]

    return binary


def _normalised(weights: list[float]) -> list[float]:
    """Shares of the sum; equal ones where all are zero."""
    total = sum(weights)
    return [weight / total for weight in weights] if total else [1.0 / len(weights)] * len(weights)
