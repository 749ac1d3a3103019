"""Metrics from counts are those from rows, and their intervals cover what they should."""

import numpy as np
import pytest

from ml_pipeline.learning.bootstrap import bootstrap_intervals
from ml_pipeline.learning.confusion import DECISION_METRICS, confusion_intervals, wilson_interval
from ml_pipeline.learning.metrics import Costs, Scored, metric_values

COSTS = Costs(false_positive=10.0, false_negative=1.0)


def rows_of(cells: dict[tuple[int, int], int], classes: int) -> Scored:
    decided, true = (np.repeat([key[place] for key in cells], list(cells.values())) for place in (0, 1))
    return Scored(true, decided, np.full((len(true), classes), 1 / classes))


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        ({(1, 1): 40, (1, 0): 7, (0, 1): 3, (0, 0): 50}, 2),
        ({(0, 0): 9, (0, 1): 1}, 2),
        ({(0, 0): 30, (1, 1): 20, (2, 2): 10, (0, 2): 5, (2, 1): 4}, 3),
    ],
)
def test_the_values_are_those_of_the_rows(cells: dict[tuple[int, int], int], classes: int) -> None:
    by_rows = metric_values(rows_of(cells, classes), COSTS)
    for name, interval in confusion_intervals(cells, classes=classes, costs=COSTS).items():
        if name in ("precision", "recall") and classes == 2 and np.isnan(interval.value):
            assert by_rows[name] == 0, "no row to be a share of"
            continue
        assert interval.value == pytest.approx(by_rows[name]), name
        assert interval.low <= interval.value <= interval.high, name


def test_a_draw_of_counts_is_a_resample_of_rows() -> None:
    cells = {(1, 1): 80, (1, 0): 14, (0, 1): 6, (0, 0): 100}
    by_counts = confusion_intervals(cells, classes=2, costs=COSTS, draws=4_000)
    by_rows = bootstrap_intervals(rows_of(cells, 2), costs=COSTS, draws=4_000)
    for name in ("f1", "expected_cost"):
        assert by_counts[name].low == pytest.approx(by_rows[name].low, abs=0.06)
        assert by_counts[name].high == pytest.approx(by_rows[name].high, abs=0.06)


def test_wilsons_interval_holds_where_the_usual_one_fails() -> None:
    none = wilson_interval(0, 10)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.2775, abs=1e-4)  # Wilson (1927), as tabulated
    assert wilson_interval(10, 10).low == pytest.approx(1 - 0.2775, abs=1e-4)
    source = np.random.default_rng(1)
    for share in (0.5, 0.9, 0.98):
        held = [
            interval.low <= share <= interval.high
            for interval in (wilson_interval(int(hits), 60) for hits in source.binomial(60, share, size=2_000))
        ]
        assert 0.92 <= np.mean(held) <= 0.985, share


def test_nothing_labelled_is_not_a_number() -> None:
    assert all(np.isnan(one.value) for one in confusion_intervals({}, classes=2, costs=COSTS).values())
    assert set(confusion_intervals({}, classes=2, costs=COSTS)) == set(DECISION_METRICS)
