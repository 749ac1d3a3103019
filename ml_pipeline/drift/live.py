"""What is measured where true labels are known: a metric of the live answers beside that of the held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ml_pipeline.drift.distances import Floats
from ml_pipeline.drift.evaluation import LIVE_FALSE_ALARMS, Statistic
from ml_pipeline.drift.performance import Reference
from ml_pipeline.drift.samples import Answers
from ml_pipeline.learning.metrics import METRICS, Costs, Indices, Scored

LABELLED_ROWS = 50  # fewer labels say nothing
_DRAWS = 400
_SEED = 20_261_128
_BY_DECISION = frozenset({"accuracy", "f1", "precision", "recall"})


@dataclass(frozen=True)
class LivePerformance:
    """A metric of `rows` answers whose labels were told, with a 95 % interval, and of the held-out rows."""

    metric: str
    rows: int
    value: float
    low: float
    high: float
    reference: float
    bound: float

    def statistic(self, threshold: float) -> Statistic:
        """The loss against the held-out rows; a gain is none."""
        return Statistic("live_performance", "", max(0.0, self.reference - self.value), threshold, self.bound)


def live_performance(
    reference: Reference, answers: Answers, truths: Sequence[str], *, labels: Sequence[str], metric: str
) -> LivePerformance | None:
    """The model's own metric, or accuracy where the log cannot give that; None where too few labels are known.

    The bound is the loss that chance gives: both sides are drawn again, and the deviation of their difference taken to
    the tail of a normal distribution. Labels that people tell are no random sample: told mostly where an answer was
    wrong, they look like a loss.
    """
    if len(truths) < LABELLED_ROWS:
        return None
    measured = metric if reference.positive is not None or metric in _BY_DECISION else "accuracy"
    generator = np.random.default_rng(_SEED)
    own = _drawn(_scored(reference.answers, reference.truths, reference, labels), measured, generator)
    live = _drawn(_scored(answers, truths, reference, labels), measured, generator)
    if own is None or live is None:
        return None
    deviation = float(np.nanstd(own[1:] - live[1:]))
    low, high = np.nanquantile(live[1:], (0.025, 0.975))
    bound = float(stats.norm.isf(LIVE_FALSE_ALARMS)) * deviation
    return LivePerformance(measured, len(truths), float(live[0]), float(low), float(high), float(own[0]), bound)


def _drawn(scored: Scored, metric: str, generator: np.random.Generator) -> Floats | None:
    """The metric of the rows as they are, then of bootstrap draws; None where it is undefined on the rows."""
    rows = len(scored)
    counts = [np.bincount(generator.integers(rows, size=rows), minlength=rows) for _ in range(_DRAWS)]
    values = METRICS[metric](scored, np.vstack([np.ones(rows), *counts]).astype(np.float64), Costs())
    return values if np.isfinite(values[0]) else None


def _scored(answers: Answers, truths: Sequence[str], reference: Reference, labels: Sequence[str]) -> Scored:
    places = {label: place for place, label in enumerate(labels)}
    return Scored(
        _places(truths, places),
        _places(answers.labels, places),
        _probabilities(answers, places, binary=reference.positive is not None),
    )


def _places(labels: Sequence[str], places: dict[str, int]) -> Indices:
    return np.array([places[label] for label in labels], dtype=np.int64)


def _probabilities(answers: Answers, places: dict[str, int], *, binary: bool) -> Floats:
    """Of both classes; of several only that of the answer is logged, and no metric that is taken reads the others."""
    positive = np.asarray(answers.probabilities, dtype=np.float64)
    if binary:
        return np.column_stack([1 - positive, positive])
    table = np.zeros((len(answers), len(places)))
    table[np.arange(len(answers)), _places(answers.labels, places)] = positive
    return table
