"""Metrics from counts are those from rows, and their intervals cover what they should."""

import numpy as np
import pytest

from ml_pipeline.learning.bootstrap import bootstrap_intervals
from ml_pipeline.learning.confusion import DECISION_METRICS, by_cell, confusion_intervals, wilson_interval
from ml_pipeline.learning.metrics import METRICS, Costs, Scored, metric_values

COSTS = Costs(false_positive=10.0, false_negative=1.0)
METERED = ("f1", "expected_cost")  # those without an interval of Wilson's


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


def test_of_many_rows_the_intervals_are_those_of_a_bootstrap_of_rows() -> None:
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


def test_few_faultless_answers_do_not_promise_that_there_are_no_faults() -> None:
    found = confusion_intervals({(0, 0): 10}, classes=2, costs=COSTS)

    assert (found["expected_cost"].value, found["expected_cost"].low) == (0.0, 0.0)
    assert found["expected_cost"].high > 0.5, "one in ten, with a cost of 10, is no surprise"
    assert np.isnan([found["f1"].value, found["f1"].low, found["f1"].high]).all(), "no positive on either side"
    missed = confusion_intervals({(0, 0): 9, (0, 1): 1}, classes=2, costs=COSTS)["f1"]
    assert (missed.value, missed.low) == (0.0, 0.0)
    assert missed.high > 0.5


@pytest.mark.parametrize("classes", [2, 3])
def test_where_faults_cost_the_same_cost_is_what_is_not_accurate(classes: int) -> None:
    cells, costs = {(0, 0): 6, (1, 1): 3, (0, 1): 1}, Costs(2.0, 2.0)

    found = confusion_intervals(cells, classes=classes, costs=costs)

    each = 2.0 if classes == 2 else 1.0
    accuracy, cost = found["accuracy"], found["expected_cost"]
    assert cost.value == pytest.approx(each * 0.1)
    assert [cost.low, cost.high] == pytest.approx([each * (1 - accuracy.high), each * (1 - accuracy.low)])


def test_a_class_that_does_not_occur_widens_averages_and_is_no_fault() -> None:
    cells = {(0, 0): 40, (1, 1): 40}

    [two, three] = [confusion_intervals(cells, classes=classes, costs=COSTS)["f1"] for classes in (2, 3)]

    assert (two.value, three.value) == (1.0, 1.0)
    assert two.low > 0.9
    assert three.low < 0.75


@pytest.mark.parametrize("rows", [10, 50])
@pytest.mark.parametrize(
    "shares",  # by (decided, true)
    [
        [[0.832, 0.072], [0.048, 0.048]],
        [[0.864, 0.01], [0.006, 0.12]],
        [[0.986, 0.004], [0.004, 0.006]],
        [[0.4, 0.1], [0.1, 0.4]],
    ],
)
def test_intervals_of_few_rows_cover_the_truth(shares: list[list[float]], rows: int) -> None:
    keys = [(decided, true) for decided in (0, 1) for true in (0, 1)]
    true = {name: METRICS[name](by_cell(keys, 2), np.array(shares).reshape(1, 4), COSTS)[0] for name in METERED}
    counted = np.random.default_rng(rows).multinomial(rows, np.ravel(shares), size=400).tolist()
    held: dict[str, list[bool]] = {name: [] for name in METERED}

    for counts in counted:
        found = confusion_intervals(dict(zip(keys, counts, strict=True)), classes=2, costs=COSTS, draws=300)
        for name in METERED:
            if np.isfinite(found[name].value):
                held[name].append(found[name].low <= true[name] <= found[name].high)

    for name in METERED:
        assert np.mean(held[name]) > 0.87, name


def test_nothing_labelled_is_not_a_number() -> None:
    assert all(np.isnan(one.value) for one in confusion_intervals({}, classes=2, costs=COSTS).values())
    assert set(confusion_intervals({}, classes=2, costs=COSTS)) == set(DECISION_METRICS)
