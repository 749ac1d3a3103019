"""What is measured where true labels are known: a metric of the live answers beside that of the held-out rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml_pipeline.drift.calibration import tail_quantile
from ml_pipeline.drift.distances import Floats
from ml_pipeline.drift.evaluation import LIVE_FALSE_ALARMS, Statistic
from ml_pipeline.drift.performance import Reference
from ml_pipeline.drift.samples import Answers
from ml_pipeline.learning.confusion import Cells, by_cell, confusion_intervals, share_draws
from ml_pipeline.learning.metrics import METRICS, Costs, Indices, Scored

LABELLED_ROWS = 50  # fewer labels say nothing
LABELLED_EACH = 10  # rows of a label on either side: with fewer, whether it is there at all decides about F1
_DRAWS = 4_000
_AREA_DRAWS = 1_000
_AT_ONCE = 4_000_000  # draws × cells: 32 MB
_SEED = 20_261_128
_AREAS = frozenset({"roc_auc", "pr_auc"})


@dataclass(frozen=True)
class LivePerformance:
    """A metric of `rows` answers whose labels were told, with a 95 % interval, and of the held-out rows.

    `instead_of` is the model's own metric where accuracy stands for it.
    """

    metric: str
    rows: int
    value: float
    low: float
    high: float
    reference: float
    bound: float
    instead_of: str = ""

    def statistic(self, threshold: float) -> Statistic:
        """The loss against the held-out rows; a gain is none."""
        return Statistic("live_performance", "", max(0.0, self.reference - self.value), threshold, self.bound)


def live_performance(
    reference: Reference, answers: Answers, truths: Sequence[str], *, labels: Sequence[str], metric: str
) -> LivePerformance | None:
    """The model's own metric; None where too few labels are known. A label that the model does not have is left out.

    Accuracy stands for it where a label has fewer than `LABELLED_EACH` rows, where the metric is undefined or chance
    alone could take all of it, and for areas of several labels, whose probabilities the log does not have. The bound is
    the loss that chance gives so many labels if nothing changed. Labels that people tell are no random sample: told
    mostly where an answer was wrong, they look like a loss.
    """
    has = set(labels)
    known = [place for place, pair in enumerate(zip(answers.labels, truths, strict=True)) if has.issuperset(pair)]
    if len(known) < LABELLED_ROWS:
        return None
    own = _scored(reference.answers, reference.truths, reference, labels)
    live = _scored(answers.take(known), [truths[place] for place in known], reference, labels)
    if _is_known(metric, own, live, binary=reference.positive is not None):
        found = _judged(metric, own, live)
        if metric == "accuracy" or (found.bound < found.reference and np.isfinite(found.value)):
            return found
    return replace(_judged("accuracy", own, live), instead_of=metric)


def _judged(metric: str, own: Scored, live: Scored) -> LivePerformance:
    held_out, (value, low, high) = _value(metric, own), _measured(metric, live)
    losses = held_out - _by_chance(metric, own, len(live))
    bound = tail_quantile(losses[np.isfinite(losses)], LIVE_FALSE_ALARMS)
    return LivePerformance(metric, len(live), value, low, high, held_out, bound)


def _is_known(metric: str, own: Scored, live: Scored, *, binary: bool) -> bool:
    """Whether the metric can be taken, and is more than the luck of few rows."""
    classes = own.probabilities.shape[1]
    fewest = min(int(np.bincount(side.labels, minlength=classes).min()) for side in (own, live))
    return metric == "accuracy" or (fewest >= LABELLED_EACH and (binary or metric not in _AREAS))


def _measured(metric: str, live: Scored) -> tuple[float, float, float]:
    """Value and 95 % interval."""
    if metric not in _AREAS:
        interval = confusion_intervals(_cells(live), classes=live.probabilities.shape[1], costs=Costs())[metric]
        return interval.value, interval.low, interval.high
    low, high = np.nanquantile(_areas(metric, live, len(live), again=False), (0.025, 0.975))
    return _value(metric, live), float(low), float(high)


def _value(metric: str, scored: Scored) -> float:
    return float(METRICS[metric](scored, np.ones((1, len(scored))), Costs())[0])


def _by_chance(metric: str, own: Scored, rows: int) -> Floats:
    """Draws of the metric of so many rows like the reference's.

    What the reference does not know of its own shares is drawn too: of decisions from the posterior of their counts, of
    areas by a draw of the reference's rows.
    """
    if metric in _AREAS:
        return _areas(metric, own, rows, again=True)
    cells, classes = _cells(own), own.probabilities.shape[1]
    if metric == "accuracy":  # all that it asks is whether an answer was right
        right = sum(count for (decided, true), count in cells.items() if decided == true)
        cells, classes = {(0, 0): right, (1, 0): len(own) - right}, 2
    generator, size = np.random.default_rng(_SEED), max(1, _AT_ONCE // classes**2)
    found = []
    for start in range(0, _DRAWS, size):
        keys, shares = share_draws(cells, classes=classes, draws=min(size, _DRAWS - start), generator=generator)
        counts = generator.multinomial(rows, shares).astype(np.float64)
        found.append(METRICS[metric](by_cell(keys, classes), counts, Costs()))
    return np.concatenate(found)


def _areas(metric: str, scored: Scored, rows: int, *, again: bool) -> Floats:
    """Draws of the metric of `rows` of these rows; `again` draws them from a draw as large as the whole."""
    generator, every = np.random.default_rng(_SEED), len(scored)
    found = []
    for _ in range(_AREA_DRAWS):
        picked = generator.integers(every, size=rows)
        if again:
            picked = generator.integers(every, size=every)[picked]
        weights = np.bincount(picked, minlength=every).astype(np.float64)
        found.append(METRICS[metric](scored, weights[None, :], Costs()))
    return np.concatenate(found)


def _cells(scored: Scored) -> Cells:
    """How often which class was decided for which true one."""
    return Counter(zip(scored.decisions.tolist(), scored.labels.tolist(), strict=True))


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
