"""Is one mean larger than another, or than a bound? A test that may be looked at at any time.

Outcomes lie in [0, 1] (a failure, an answer that was slow, the cost of a wrong decision) and have few values, so that
counts say all of them. Each look multiplies an e-value by what came since the last one. Under the null hypothesis its
mean never exceeds 1, so that by Ville's inequality it ever reaches 1/alpha with a probability of at most alpha, however
often and for whatever reason somebody looks or stops.

The factors are bets on the outcomes (Waudby-Smith & Ramdas 2024); those of two samples are the e-variables of Turner,
Ly & Grünwald (2024): beside each other, the samples need no fixed ratio, and the rate that they share may move from
look to look, as traffic does. Several sizes of a difference are bet on at once, a mixture (Robbins 1970). The interval
of a rate is the confidence sequence of Robbins' beta mixture (Howard, Ramdas, McAuliffe & Sekhon 2021); Johari, Koomen,
Pekelis & Walsh (2022) describe the same for tests on a web site.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Odds of the tested mean over those of the other. Wide: of a version that answers nothing no third request is needed.
ODDS_RATIOS: tuple[float, ...] = (1.1, 1.25, 1.5, 2.0, 4.0, 16.0, 256.0, 4096.0)
_LOG_RATIOS = np.log(ODDS_RATIOS)
_PRIOR_WEIGHT = 10.0  # rows that the expected mean counts as
_LEAST, _MOST = 1e-6, 1.0 - 1e-6
_HALVINGS = 60


def no_evidence() -> list[float]:
    """The state before the first look: the logarithm of each bet's e-value."""
    return [0.0] * len(ODDS_RATIOS)


def log_evidence(state: ArrayLike) -> Floats:
    """The natural logarithm of the e-value of a state (… × bets): the mean of all bets."""
    logs = np.asarray(state, dtype=np.float64)
    top = logs.max(axis=-1)
    return np.asarray(top + np.log(np.exp(logs - top[..., None]).mean(axis=-1)))


def expected_mean(values: Sequence[float], counts: ArrayLike, *, before: float) -> Floats:
    """What the next outcomes are expected to be on average: the mean of those seen, and `before` where few were.

    `counts` (… × values) are of earlier looks alone.
    """
    seen = np.asarray(counts, dtype=np.float64)
    total = (seen * np.asarray(values)).sum(axis=-1) + _PRIOR_WEIGHT * before
    return np.asarray(np.clip(total / (seen.sum(axis=-1) + _PRIOR_WEIGHT), _LEAST, _MOST))


def look_beside(values: Sequence[float], tested: ArrayLike, beside: ArrayLike, *, expected: ArrayLike) -> Floats:
    """What one look adds to the state (… × bets), where the null hypothesis is: the tested mean is not the larger one.

    `tested` and `beside` (… × values) count what came in both samples since the last look, `expected` (…) is the mean
    that was expected beside it: it costs power where it is wrong, and never validity.
    """
    ours, theirs = (np.asarray(counts, dtype=np.float64)[..., None, :] for counts in (tested, beside))
    base = np.asarray(expected, dtype=np.float64)[..., None]
    bet = _with_odds(base)
    rows, other_rows = ours.sum(axis=-1), theirs.sum(axis=-1)
    null = (rows * bet + other_rows * base) / np.maximum(rows + other_rows, 1.0)
    null = np.where(rows + other_rows > 0, null, base)
    return _gained(values, ours, bet, null) + _gained(values, theirs, np.broadcast_to(base, null.shape), null)


def look_above(values: Sequence[float], tested: ArrayLike, *, bound: ArrayLike) -> Floats:
    """What one look adds to the state (… × bets), where the null hypothesis is: the mean is at most `bound` (…)."""
    counts = np.asarray(tested, dtype=np.float64)[..., None, :]
    null = np.clip(np.asarray(bound, dtype=np.float64), _LEAST, _MOST)[..., None]
    bet = _with_odds(null)
    return _gained(values, counts, bet, np.broadcast_to(null, bet.shape))


def rate_interval(hits: float, rows: float, *, alpha: float) -> tuple[float, float]:
    """Where the rate of a yes-or-no outcome lies, at every look at once with a probability of 1 - alpha.

    Rates are left out under which the mixture over Jeffreys' prior is 1/alpha times as likely as they are.
    """
    if rows <= 0:
        return 0.0, 1.0
    misses = rows - hits
    mixture = _log_beta(hits + 0.5, misses + 0.5) - _log_beta(0.5, 0.5)

    def is_left_out(rate: float) -> bool:
        likelihood = _times_log(hits, rate) + _times_log(misses, 1.0 - rate)
        return mixture - likelihood >= -math.log(alpha)

    best = hits / rows
    low = 0.0 if hits == 0 else _edge(is_left_out, 0.0, best)
    high = 1.0 if misses == 0 else _edge(is_left_out, 1.0, best)
    return low, high


def _with_odds(base: Floats) -> Floats:
    odds = base / (1.0 - base) * np.exp(_LOG_RATIOS)
    return np.asarray(np.clip(odds / (1.0 + odds), _LEAST, _MOST))


def _gained(values: Sequence[float], counts: Floats, bet: Floats, null: Floats) -> Floats:
    """The logarithm of what a bet on the mean `bet` makes of the outcomes, if their mean is `null`."""
    stake = (bet - null) / (null * (1.0 - null))
    worth = np.log1p(stake[..., None] * (np.asarray(values) - null[..., None]))
    return np.asarray((counts * worth).sum(axis=-1))


def _edge(is_left_out: Callable[[float], bool], outside: float, inside: float) -> float:
    """The border between a rate that is left out and one that is not, on the side that is left out."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2.0
        outside, inside = (middle, inside) if is_left_out(middle) else (outside, middle)
    return outside


def _times_log(count: float, rate: float) -> float:
    return 0.0 if count == 0 else -math.inf if rate <= 0.0 else count * math.log(rate)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
