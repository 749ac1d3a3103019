"""Bounds: what chance gives stays below them, and they shrink as samples grow."""

import numpy as np
import pytest

from ml_pipeline.drift.calibration import Counted, chance_bounds, tail_quantile
from ml_pipeline.drift.distances import jensen_shannon, share_difference
from ml_pipeline.drift.fields import binned
from ml_pipeline.drift.measures import Measure, columns, one_cell_each

CELLS = 8


def shares(values: np.ndarray) -> Measure:
    return Measure("distribution", "x", lambda given: one_cell_each(np.asarray(given), CELLS), jensen_shannon)


def counted(values: np.ndarray) -> Counted:
    measure = shares(values)
    return Counted([measure], [measure.count(values)])


def test_windows_from_the_references_own_population_stay_below_in_nearly_all_draws() -> None:
    generator = np.random.default_rng(7)
    population = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02])
    beyond = 0
    for _ in range(100):
        reference, window = (generator.choice(CELLS, size=rows, p=population) for rows in (400, 300))
        part = counted(reference)
        [bound] = chance_bounds([(part, 300)], false_alarms=0.05, draws=400)
        totals = [np.bincount(values, minlength=CELLS)[None, :].astype(float) for values in (reference, window)]
        beyond += bool(jensen_shannon(*totals)[0] > bound[0])

    assert beyond <= 12  # 5 are expected; more than 12 of 100 come in less than one case in 500


def test_a_larger_window_has_a_smaller_bound_but_never_less_than_the_references_own_noise() -> None:
    part = counted(np.random.default_rng(3).integers(CELLS, size=500))

    bounds = [float(chance_bounds([(part, rows)], false_alarms=0.003)[0][0]) for rows in (200, 2_000, 200_000)]

    assert bounds[0] > bounds[1] > bounds[2] > 0.5 * bounds[1]


def test_what_the_reference_never_shows_may_still_happen_a_little() -> None:
    measure = Measure("missing", "x", lambda given: columns(given, 1 - np.asarray(given)), share_difference)
    part = Counted([measure], [measure.count(np.zeros(500))])

    [bound] = chance_bounds([(part, 1_000)], false_alarms=0.003)

    assert bound[0] == pytest.approx(-np.log(0.003) * (1 / 500 + 1 / 1_000))


def test_rare_values_that_few_rows_did_not_meet_are_no_alarm() -> None:
    def drawn(rows: int) -> np.ndarray:
        return np.where(generator.random(rows) < 0.01, generator.integers(1, 1_000, rows), 0).astype(float)

    alarms = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        reference, window = drawn(150), drawn(200)
        measure = binned("distribution", "x", reference, np.asarray)
        part = Counted([measure], [measure.count(reference)])
        [bound] = chance_bounds([(part, 200)], false_alarms=0.003, draws=500)
        totals = [np.asarray(measure.count(values).sum(axis=0)) for values in (reference, window)]
        alarms += bool(measure.distance(*totals)[0] > bound[0])

    assert alarms == 0


def test_the_tail_goes_on_where_draws_end() -> None:
    values = np.random.default_rng(5).exponential(size=2_000)

    assert tail_quantile(values, 0.1) == pytest.approx(np.log(10), rel=0.1)
    assert tail_quantile(values, 1e-5) == pytest.approx(np.log(1e5), rel=0.15)
