"""Live performance: estimated where no true labels are known, compared where some are.

The estimate is CBPE's idea (confidence-based performance estimation: Białek, Kuberski, Perrakis & Bifet 2024, after
NannyML): a calibrated probability says how often the decision is right, so that the mean of these is the expected
accuracy, and sums of them the expected confusion matrix. It holds while the inputs move and what they mean does not:
it cannot see that the same inputs have other labels now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.drift.distances import Floats
from ml_pipeline.drift.samples import Answers
from ml_pipeline.learning.metrics import Costs, Scored, ratio

_DRAWS = 300
_SEED = 20_261_128
_STEPS = 30
_SMALL = 1e-7
_EDGE = 1e-6


@dataclass(frozen=True)
class Reference:
    """The held-out rows' answers with their true labels; `positive` is None where there are more than two labels."""

    answers: Answers
    truths: Sequence[str]
    positive: str | None
    negative: str | None = None

    @classmethod
    def of_scores(cls, scored: Scored, labels: Sequence[str], *, binary: bool) -> Self:
        """From kept scores, whose probabilities are in the order of `labels`: the positive is the second of two."""
        decided = scored.decisions
        probabilities = scored.probabilities[:, 1] if binary else scored.probabilities[np.arange(len(scored)), decided]
        answers = Answers([labels[place] for place in decided], probabilities)
        truths = [labels[place] for place in scored.labels]
        return cls(answers, truths, labels[1] if binary else None, labels[0] if binary else None)

    @property
    def happened(self) -> NDArray[np.bool_]:
        """What the probabilities are about: that the label is the positive one, or with several labels the answer."""
        named = self.answers.labels if self.positive is None else [self.positive] * len(self.truths)
        return np.array([truth == label for truth, label in zip(self.truths, named, strict=True)], dtype=bool)


@dataclass(frozen=True)
class Calibrator:
    """Sigmoid calibration (Platt 1999) of a probability's log-odds: two numbers, which few hundred rows determine."""

    slope: float
    offset: float

    @classmethod
    def fitted(cls, probabilities: Floats, happened: NDArray[np.bool_], weights: Floats | None = None) -> Self:
        """By Newton's method on Platt's smoothed targets, which stay finite where one outcome never happened.

        It starts at no slope, and a step that does not lower the loss is halved: from a slope that is too steep the
        method would leap to and fro.
        """
        rows = np.ones(len(happened)) if weights is None else weights
        times, others = float(rows @ happened), float(rows @ ~happened)
        target = np.where(happened, (times + 1) / (times + 2), 1 / (others + 2))
        design = np.column_stack([_log_odds(probabilities), np.ones(len(happened))])
        parameters = np.array([0.0, np.log((times + 1) / (others + 1))])
        for _ in range(_STEPS):
            expected = _expit(design @ parameters)
            gradient = design.T @ (rows * (expected - target))
            curvature = (design * (rows * expected * (1 - expected))[:, None]).T @ design + 1e-9 * np.eye(2)
            step = np.linalg.solve(curvature, gradient)
            loss = _log_loss(design @ parameters, target, rows)
            while _log_loss(design @ (parameters - step), target, rows) > loss and np.abs(step).max() > _SMALL:
                step = step / 2
            parameters = parameters - step
            if np.abs(step).max() < _SMALL:
                break
        return cls(float(parameters[0]), float(parameters[1]))

    def __call__(self, probabilities: Floats) -> Floats:
        return _expit(self.slope * _log_odds(probabilities) + self.offset)


@dataclass(frozen=True)
class Estimate:
    """One metric: expected of the window with a 95 % interval, and what it is on the reference."""

    metric: str
    value: float
    low: float
    high: float
    reference: float


def expected_right(calibrated: Floats, labels: Sequence[str], positive: str | None) -> Floats:
    """For each answer the probability that it is right."""
    if positive is None:
        return calibrated
    decided = np.array([label == positive for label in labels], dtype=bool)
    return np.where(decided, calibrated, 1 - calibrated)


def estimates(reference: Reference, window: Answers, *, costs: Costs, draws: int = _DRAWS) -> list[Estimate]:
    """Expected accuracy, and of binary models F1 and cost a decision, of the window's answers.

    The intervals are those of the performance that the true labels would show: each draw takes another calibration
    (reference rows redrawn), other rows of the window, and labels drawn with their probabilities.
    """
    generator = np.random.default_rng(_SEED)
    happened = reference.happened
    decided = _decided(window, reference.positive)
    point = Calibrator.fitted(reference.answers.probabilities, happened)(window.probabilities)
    drawn = []
    for _ in range(draws):
        weights = np.bincount(generator.integers(len(happened), size=len(happened)), minlength=len(happened))
        rows = generator.integers(len(window), size=len(window))
        calibrator = Calibrator.fitted(reference.answers.probabilities, happened, weights.astype(np.float64))
        outcomes = generator.random(len(rows)) < calibrator(window.probabilities[rows])
        drawn.append(_metrics(decided[rows], outcomes.astype(np.float64), costs, binary=reference.positive is not None))
    own = _decided(reference.answers, reference.positive)
    known = _metrics(own, happened.astype(np.float64), costs, binary=reference.positive is not None)
    expected = _metrics(decided, point, costs, binary=reference.positive is not None)
    low, high = np.quantile(np.array([list(one.values()) for one in drawn]), (0.025, 0.975), axis=0)
    return [
        Estimate(name, value, float(low[place]), float(high[place]), known[name])
        for place, (name, value) in enumerate(expected.items())
    ]


def _metrics(decided: NDArray[np.bool_], happened: Floats, costs: Costs, *, binary: bool) -> dict[str, float]:
    """From what was decided and how probably the event happened (0 or 1 where it is known)."""
    if not binary:
        return {"accuracy": float(happened.mean())}
    hits, false_alarms = float(happened[decided].sum()), float((1 - happened[decided]).sum())
    misses, rejections = float(happened[~decided].sum()), float((1 - happened[~decided]).sum())
    f1 = ratio(np.array(2 * hits), np.array(2 * hits + false_alarms + misses))
    return {
        "accuracy": (hits + rejections) / len(decided),
        "f1": float(f1),
        "expected_cost": (false_alarms * costs.false_positive + misses * costs.false_negative) / len(decided),
    }


def _decided(answers: Answers, positive: str | None) -> NDArray[np.bool_]:
    return np.array([positive is None or label == positive for label in answers.labels], dtype=bool)


def _log_loss(odds: Floats, target: Floats, rows: Floats) -> float:
    return float(rows @ (np.logaddexp(0.0, odds) - target * odds))


def _log_odds(probabilities: Floats) -> Floats:
    inside = np.clip(probabilities, _EDGE, 1 - _EDGE)
    result: Floats = np.log(inside / (1 - inside))
    return result


def _expit(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-np.clip(values, -500, 500)))
    return result
