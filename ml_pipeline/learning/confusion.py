"""Metrics of decisions that are known by their counts alone: how often which class was decided for which true class.

Every metric of decisions depends on those counts and on nothing else, so that a bootstrap resample of the rows is one
multinomial draw over the cells (Efron & Tibshirani 1993, chapter 6): a million rows cost what four do. Rates have the
score interval of Wilson (1927), which holds for few rows and near 0 and 1; the others percentile intervals.
"""

from collections.abc import Mapping, Sequence
from math import nan, sqrt

import numpy as np

from ml_pipeline.learning.bootstrap import SEED, Interval
from ml_pipeline.learning.metrics import METRICS, Costs, Floats, Scored

DECISION_METRICS = ("accuracy", "f1", "precision", "recall", "expected_cost")
_Z = 1.959963984540054  # of 95 %, both sides

Cells = Mapping[tuple[int, int], int]


def wilson_interval(hits: int, trials: int) -> Interval:
    """The share of `hits`, with its 95 % interval; NaN without trials."""
    if not trials:
        return Interval(nan, nan, nan)
    share, spread = hits / trials, _Z**2 / trials
    middle = (share + spread / 2) / (1 + spread)
    reach = _Z / (1 + spread) * sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


def confusion_intervals(
    cells: Cells, *, classes: int, costs: Costs, draws: int = 1_000, seed: int = SEED
) -> dict[str, Interval]:
    """Each of `DECISION_METRICS` with its 95 % interval.

    `cells` counts by (decided, true), both as index into the classes; of two, the second is the positive one.
    """
    keys, counts = list(cells), np.array(list(cells.values()), dtype=np.int64)
    rows = int(counts.sum())
    if not rows:
        return {name: Interval(nan, nan, nan) for name in DECISION_METRICS}
    scored = by_cell(keys, classes)
    drawn = np.random.default_rng(seed).multinomial(rows, counts / rows, size=draws).astype(np.float64)
    exact = counts[None, :].astype(np.float64)
    rates = _rates(cells, classes)
    return {
        name: rates[name]
        if name in rates
        else Interval(float(METRICS[name](scored, exact, costs)[0]), *_percentiles(METRICS[name](scored, drawn, costs)))
        for name in DECISION_METRICS
    }


def share_draws(
    cells: Cells, *, classes: int, draws: int, generator: np.random.Generator
) -> tuple[list[tuple[int, int]], Floats]:
    """Every cell there can be, and how large a share of rows it may have by the counts (draws × cells).

    Draws from a Dirichlet posterior. Half a row of each class was right and half wrong before any was counted, which is
    Jeffreys' prior (1946) with two classes: a cell that few rows did not meet is not one that never happens.
    """
    keys = [(decided, true) for true in range(classes) for decided in range(classes)]
    wrong = 0.5 / max(classes - 1, 1)
    weights = [cells.get(key, 0) + (0.5 if key[0] == key[1] else wrong) for key in keys]
    drawn = generator.standard_gamma(weights, size=(draws, len(keys)))
    return keys, drawn / drawn.sum(axis=1, keepdims=True)


def by_cell(keys: Sequence[tuple[int, int]], classes: int) -> Scored:
    """One row a cell: its weight is how often it was counted. No metric of decisions looks at a probability."""
    decided, true = (np.array([key[place] for key in keys], dtype=np.int64) for place in (0, 1))
    probabilities: Floats = np.zeros((len(keys), classes))
    return Scored(true, decided, probabilities)


def _percentiles(drawn: Floats) -> tuple[float, float]:
    """No metric of decisions is undefined where there are rows."""
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def _rates(cells: Cells, classes: int) -> dict[str, Interval]:
    """Those that are a share of rows. The averages over more than two classes are none."""
    right = sum(count for (decided, true), count in cells.items() if decided == true)
    rates = {"accuracy": wilson_interval(right, sum(cells.values()))}
    if classes == 2:
        found = cells.get((1, 1), 0)
        rates["precision"] = wilson_interval(found, found + cells.get((1, 0), 0))
        rates["recall"] = wilson_interval(found, found + cells.get((0, 1), 0))
    return rates
