"""Metrics of decisions that are known by their counts alone: how often which class was decided for which true class.

Every metric of decisions depends on those counts and on nothing else: a million rows cost what four do. Rates have the
score interval of Wilson (1927), which holds for few rows and near 0 and 1; the others that of draws of the cells'
shares from their posterior. A bootstrap of the counts cannot draw what few rows did not show: its intervals then have
no width.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import nan, sqrt

import numpy as np

from ml_pipeline.learning.bootstrap import SEED, Interval
from ml_pipeline.learning.metrics import METRICS, Costs, Floats, Scored

DECISION_METRICS = ("accuracy", "f1", "precision", "recall", "expected_cost")
_PRIOR = 0.25  # rows of a class that were right before any was counted, and as many that were wrong
_Z = 1.959963984540054  # of 95 %, both sides

Cells = Mapping[tuple[int, int], int]


def wilson_interval(hits: int, trials: int) -> Interval:
    """The share of `hits`, with its 95 % interval; NaN without trials."""
    if not trials:
        return Interval(nan, nan, nan)
    share, spread = hits / trials, _Z**2 / trials
    middle = (share + spread / 2) / (1 + spread)
    reach = _Z / (1 + spread) * sqrt(share * (1 - share) / trials + spread / (4 * trials))
    low = 0.0 if hits == 0 else middle - reach
    return Interval(share, low, 1.0 if hits == trials else middle + reach)


def confusion_intervals(
    cells: Cells, *, classes: int, costs: Costs, draws: int = 1_000, seed: int = SEED
) -> dict[str, Interval]:
    """Each of `DECISION_METRICS` with its 95 % interval.

    `cells` counts by (decided, true), both as index into the classes; of two, the second is the positive one. Averages
    over more than two are of the classes that occur on either side, as nothing is known of the others; their intervals
    know that. F1 of two is NaN where the positive one occurs on neither.
    """
    rows = sum(cells.values())
    if not rows:
        return {name: Interval(nan, nan, nan) for name in DECISION_METRICS}
    keys, shares = share_draws(cells, classes=classes, draws=draws, generator=np.random.default_rng(seed))
    scored, exact = by_cell(keys, classes), np.array([[cells.get(key, 0) for key in keys]], dtype=np.float64)
    occur = {place for key, count in cells.items() if count for place in key}
    found = _rates(cells, classes, costs)
    for name in DECISION_METRICS:
        if name not in found:
            value = float(METRICS[name](scored, exact, costs)[0])
            if classes > 2:
                value *= classes / len(occur)
            elif name == "f1" and 1 not in occur:
                value = nan
            found[name] = _interval(value, METRICS[name](scored, shares, costs))
    return {name: found[name] for name in DECISION_METRICS}


def share_draws(
    cells: Cells, *, classes: int, draws: int, generator: np.random.Generator
) -> tuple[list[tuple[int, int]], Floats]:
    """Cells that may be met, and how large a share of rows each may have by the counts (draws × cells).

    Draws from a Dirichlet posterior. Of each class half a row was there before any was counted, half of it right: with
    two classes Perks' prior (1947). A cell that few rows did not meet is not one that never happens. Jeffreys' prior,
    of twice as much, is further from 0 than good models' faults: of ten rows its intervals cover 83 % at worst. Of many
    classes one fault that nobody met stands for all, the same number of times decided and true for each class.
    """
    faults = {key for key, count in cells.items() if count and key[0] != key[1]}
    if classes > 1:
        faults |= {((true + 1) % classes, true) for true in range(classes)}
    kinds = Counter(true for _, true in faults)
    keys = [*((place, place) for place in range(classes)), *sorted(faults)]
    weights = [cells.get(key, 0) + (_PRIOR if key[0] == key[1] else _PRIOR / kinds[key[1]]) for key in keys]
    drawn = generator.standard_gamma(weights, size=(draws, len(keys)))
    return keys, drawn / drawn.sum(axis=1, keepdims=True)


def by_cell(keys: Sequence[tuple[int, int]], classes: int) -> Scored:
    """One row a cell: its weight is how often it was counted. No metric of decisions looks at a probability."""
    decided, true = (np.array([key[place] for key in keys], dtype=np.int64) for place in (0, 1))
    probabilities: Floats = np.zeros((len(keys), classes))
    return Scored(true, decided, probabilities)


def _interval(value: float, drawn: Floats) -> Interval:
    """Of the draws, and the value: the prior moves draws away from 0 and 1, where few rows may well be."""
    if np.isnan(value):
        return Interval(nan, nan, nan)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(value, min(value, float(low)), max(value, float(high)))


def _rates(cells: Cells, classes: int, costs: Costs) -> dict[str, Interval]:
    """Those that are a share of rows; cost is, where all faults cost the same. Averages over more classes are none."""
    right = sum(count for (decided, true), count in cells.items() if decided == true)
    accuracy = wilson_interval(right, sum(cells.values()))
    rates = {"accuracy": accuracy}
    if classes > 2 or costs.false_positive == costs.false_negative:
        each = 1.0 if classes > 2 else costs.false_positive
        ends = (each * (1 - end) for end in (accuracy.value, accuracy.high, accuracy.low))
        rates["expected_cost"] = Interval(*ends)
    if classes == 2:
        found = cells.get((1, 1), 0)
        rates["precision"] = wilson_interval(found, found + cells.get((1, 0), 0))
        rates["recall"] = wilson_interval(found, found + cells.get((0, 1), 0))
    return rates
