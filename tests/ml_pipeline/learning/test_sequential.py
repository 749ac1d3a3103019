"""A test that may be looked at at any time: what it never does by chance, and what it finds how soon."""

import math

import numpy as np
import pytest

from ml_pipeline.learning.sequential import (
    ODDS_RATIOS,
    expected_mean,
    log_evidence,
    look_above,
    look_beside,
    no_evidence,
    rate_interval,
)

ALPHA = 0.05
YES_OR_NO = (0.0, 1.0)


def counted(hits: np.ndarray, rows: int) -> np.ndarray:
    return np.stack([rows - hits, hits], axis=-1)


def found_at(
    tested: float, beside: float, *, rows: tuple[int, int], looks: int, paths: int, seed: int, drifts: bool = False
) -> np.ndarray:
    """At which look each path stops (0: never), for `rows` of both samples a look."""
    chance = np.random.default_rng(seed)
    state, seen = np.zeros((paths, len(ODDS_RATIOS))), np.zeros((paths, 2))
    stopped = np.zeros(paths, dtype=int)
    for look in range(1, looks + 1):
        factor = 1.0 + 0.9 * math.sin(look / 50) if drifts else 1.0
        ours = counted(chance.binomial(rows[0], tested * factor, size=paths), rows[0])
        theirs = counted(chance.binomial(rows[1], beside * factor, size=paths), rows[1])
        state += look_beside(YES_OR_NO, ours, theirs, expected=expected_mean(YES_OR_NO, seen, before=0.01))
        seen += theirs
        stopped[(stopped == 0) & (log_evidence(state) >= math.log(1 / ALPHA))] = look
    return stopped


@pytest.mark.parametrize(
    ("rate", "rows", "drifts"),
    [(0.01, (1, 19), False), (0.2, (10, 10), False), (0.001, (5, 95), False), (0.05, (10, 10), True)],
)
def test_without_a_difference_it_hardly_ever_stops_in_ten_thousand_looks(
    rate: float, rows: tuple[int, int], drifts: bool
) -> None:
    stopped = found_at(rate, rate, rows=rows, looks=10_000, paths=200, seed=20261128, drifts=drifts)
    share = (stopped > 0).mean()
    assert share <= ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / 200)


def test_a_version_that_is_better_stops_no_more_often() -> None:
    stopped = found_at(0.05, 0.1, rows=(5, 95), looks=2_000, paths=200, seed=1)
    assert (stopped > 0).mean() <= ALPHA


@pytest.mark.parametrize(
    ("tested", "beside", "most"), [(1.0, 0.0, 3), (0.5, 0.0, 12), (0.8, 0.2, 25), (0.05, 0.0, 150), (0.25, 0.2, 2_500)]
)
def test_a_difference_is_found_within_so_many_rows_of_a_canary_of_a_twentieth(
    tested: float, beside: float, most: int
) -> None:
    stopped = found_at(tested, beside, rows=(1, 19), looks=4 * most, paths=100, seed=2)
    assert (stopped > 0).mean() >= 0.95
    assert np.median(stopped[stopped > 0]) <= most


def test_a_mean_at_its_bound_hardly_ever_stops_and_one_above_it_does() -> None:
    chance = np.random.default_rng(3)
    for mean, expected in ((0.05, False), (0.03, False), (0.1, True)):
        state = np.zeros((200, len(ODDS_RATIOS)))
        stopped = np.zeros(200, dtype=bool)
        for _ in range(3_000):
            state += look_above(YES_OR_NO, counted(chance.binomial(2, mean, size=200), 2), bound=0.05)
            stopped |= log_evidence(state) >= math.log(1 / ALPHA)
        assert stopped.all() if expected else stopped.mean() <= ALPHA


def test_costs_between_nothing_and_all_are_compared_like_rates() -> None:
    chance = np.random.default_rng(4)
    values = (0.0, 0.1, 1.0)
    fair, dear = (0.8, 0.15, 0.05), (0.8, 0.05, 0.15)
    for weights, expected in ((fair, False), (dear, True)):
        state, seen = np.zeros((200, len(ODDS_RATIOS))), np.zeros((200, 3))
        stopped = np.zeros(200, dtype=bool)
        for _ in range(1_000):
            theirs = chance.multinomial(5, fair, size=200)
            expected_now = expected_mean(values, seen, before=0.1)
            state += look_beside(values, chance.multinomial(5, weights, size=200), theirs, expected=expected_now)
            seen += theirs
            stopped |= log_evidence(state) >= math.log(1 / ALPHA)
        assert stopped.all() if expected else stopped.mean() <= ALPHA


def test_an_interval_covers_at_every_look_at_once() -> None:
    chance = np.random.default_rng(5)
    for rate in (0.002, 0.2):
        missed = 0
        for _ in range(200):
            hits = np.cumsum(chance.random(2_000) < rate)
            looks = range(20, 2_000, 60)
            intervals = [rate_interval(float(hits[rows - 1]), rows, alpha=ALPHA) for rows in looks]
            missed += any(not low <= rate <= high for low, high in intervals)
        assert missed / 200 <= ALPHA


def test_nothing_seen_says_nothing() -> None:
    assert rate_interval(0, 0, alpha=ALPHA) == (0.0, 1.0)
    state = np.array(no_evidence()) + look_beside(YES_OR_NO, [0, 0], [0, 0], expected=0.5)
    assert log_evidence(state) == 0.0
    low, high = rate_interval(0, 1_000, alpha=ALPHA)
    assert low == 0.0
    assert 0.001 < high < 0.01
