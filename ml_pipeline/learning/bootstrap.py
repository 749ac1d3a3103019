"""How sure a metric is: percentile bootstrap intervals, alone and paired.

Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 13 (percentile interval) and 16 (comparison
of two estimates): rows are drawn with replacement, the metric is computed on each draw, and the 2.5 % and 97.5 %
quantiles of its values are the interval. Paired: both models are scored on the *same* draw, so that rows which are hard
for both do not blur the difference. A draw on which the metric is undefined is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from ml_pipeline.learning.metrics import LOWER_IS_BETTER, METRICS, Costs, Floats, Indices, Scored

SEED = 20_260_302
_QUANTILES = (0.025, 0.975)
_CELLS = 4_000_000  # draws × rows held at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """A metric's value on the rows, and the 95 % interval around it. All NaN where the metric is undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """One metric of two models on the same rows. `difference` is candidate minus champion, with its 95 % interval.

    `probability_better` is the share of draws on which the candidate is the better one, a tie counting half.
    """

    candidate: float
    champion: float
    difference: float
    low: float
    high: float
    probability_better: float


def bootstrap_intervals(scored: Scored, *, costs: Costs, draws: int, seed: int = SEED) -> dict[str, Interval]:
    """Every metric with its interval."""
    ones = np.ones((1, len(scored)))
    drawn: dict[str, list[Floats]] = {name: [] for name in METRICS}
    for weights in _resamples(len(scored), draws, seed):
        for name, metric in METRICS.items():
            drawn[name].append(metric(scored, weights, costs))
    return {
        name: Interval(float(metric(scored, ones, costs)[0]), *_quantiles(np.concatenate(drawn[name])))
        for name, metric in METRICS.items()
    }


def paired_bootstrap(
    *,
    labels: Indices,
    candidate_decisions: Indices,
    candidate_probabilities: Floats,
    champion_decisions: Indices,
    champion_probabilities: Floats,
    metric: str,
    draws: int,
    seed: int = SEED,
    costs: Costs = Costs(),  # noqa: B008  (frozen)
) -> PairedDifference:
    """Compare two models on the same rows by one of `METRICS`.

    Labels and decisions are class indices, probabilities are rows × classes in the same order of classes.
    """
    candidate = Scored(labels, candidate_decisions, candidate_probabilities)
    champion = Scored(labels, champion_decisions, champion_probabilities)
    return paired_differences(candidate, champion, costs=costs, draws=draws, metrics=(metric,), seed=seed)[metric]


def paired_differences(
    candidate: Scored,
    champion: Scored,
    *,
    costs: Costs,
    draws: int,
    metrics: Iterable[str] = tuple(METRICS),
    seed: int = SEED,
) -> dict[str, PairedDifference]:
    """Two models that answered the same rows, compared by each of `metrics` on the same draws."""
    measures = {name: METRICS[name] for name in metrics}
    drawn: dict[str, list[Floats]] = {name: [] for name in measures}
    for weights in _resamples(len(candidate), draws, seed):
        for name, measure in measures.items():
            drawn[name].append(measure(candidate, weights, costs) - measure(champion, weights, costs))
    ones = np.ones((1, len(candidate)))
    return {
        name: _difference(
            float(measure(candidate, ones, costs)[0]),
            float(measure(champion, ones, costs)[0]),
            np.concatenate(drawn[name]),
            lower_is_better=name in LOWER_IS_BETTER,
        )
        for name, measure in measures.items()
    }


def mean_interval(values: Floats, *, draws: int, seed: int = SEED) -> Interval:
    """The mean of one value a row, with its interval."""
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    means = [weights @ values / len(values) for weights in _resamples(len(values), draws, seed)]
    return Interval(float(values.mean()), *_quantiles(np.concatenate(means)))


def _difference(value: float, other: float, drawn: Floats, *, lower_is_better: bool) -> PairedDifference:
    drawn = drawn[np.isfinite(drawn)]
    gains = -drawn if lower_is_better else drawn
    better = float(np.mean(gains > 0) + np.mean(gains == 0) / 2) if len(gains) else float("nan")
    return PairedDifference(value, other, value - other, *_quantiles(drawn), better)


def _resamples(rows: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each row is drawn (draws × rows), in blocks of bounded memory; the same for the same arguments."""
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // max(rows, 1))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        picked = generator.integers(rows, size=(size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(picked.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def _quantiles(values: Floats) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, _QUANTILES)
    return float(low), float(high)


def finite(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    """Intervals as JSON carries them; a metric that is undefined is left out."""
    return {
        name: {"value": interval.value, "low": interval.low, "high": interval.high}
        for name, interval in intervals.items()
        if np.isfinite(interval.value)
    }


def finite_differences(differences: Mapping[str, PairedDifference]) -> dict[str, dict[str, float]]:
    """Differences as JSON carries them; what one of the two models leaves undefined is left out."""
    shown = {name: asdict(difference) for name, difference in differences.items()}
    return {name: values for name, values in shown.items() if np.isfinite(list(values.values())).all()}
