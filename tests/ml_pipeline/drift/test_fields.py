"""What counts as drift of a field, and what does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ml_pipeline.drift.fields import field_measures
from ml_pipeline.inputs import Value
from ml_pipeline.spec import BooleanInput, CategoryInput, DatetimeInput, IntegerInput, NumberInput

NORMAL = np.random.default_rng(1).normal(size=1_000).tolist()


def measured(field: Any, reference: list[Any], window: list[Any]) -> dict[str, float]:
    """Kind → value of each measure of one field."""
    found = {}
    for measure in field_measures("x", field, reference):
        totals = [np.asarray(measure.count(values).sum(axis=0)) for values in (reference, window)]
        found[measure.kind] = float(measure.distance(*totals)[0])
    return found


def test_a_numbers_shift_is_its_distribution_and_not_what_is_missing() -> None:
    field = NumberInput(type="number", optional=True)

    moved = measured(field, NORMAL, [value + 1 for value in NORMAL])
    gone = measured(field, NORMAL, [None if place % 2 else value for place, value in enumerate(NORMAL)])

    assert (moved["distribution"] > 0.3, moved["missing"]) == (True, 0.0)
    assert (gone["distribution"] < 0.1, gone["missing"]) == (True, 0.5)


def test_numbers_beyond_all_that_were_seen_count_at_the_ends() -> None:
    found = measured(NumberInput(type="number"), NORMAL, [1e6] * 100)

    assert found["distribution"] > 0.7


def test_few_whole_numbers_are_cells_of_their_own_and_any_other_number_is_another() -> None:
    [_, measure] = field_measures("x", IntegerInput(type="integer"), [1, 2, 3] * 100)

    assert measure.cells == ("1", "2", "3", "others")
    assert np.asarray(measure.count([1, 2, 3, 4, 0, None]).sum(axis=0)).tolist() == [[1, 1, 1, 2]]


def test_a_constant_field_is_measured_by_what_it_becomes() -> None:
    assert measured(NumberInput(type="number"), [7.0] * 100, [7.0] * 100)["distribution"] == 0.0
    assert measured(NumberInput(type="number"), [7.0] * 100, [9_999.0] * 100)["distribution"] == 1.0


@pytest.mark.parametrize(
    ("reference", "window"), [([1, 2, 3], [1, 2, 300]), ([0, 1], [-1, 250]), ([10, 20], [10, 15]), ([0], [-3])]
)
def test_few_numbers_that_become_others_are_drift(reference: list[Value], window: list[Value]) -> None:
    found = measured(IntegerInput(type="integer"), reference * 60, window * 60)

    assert found["distribution"] > 0.4


def test_a_number_that_was_computed_another_way_is_the_same() -> None:
    found = measured(NumberInput(type="number"), [0.25, 0.1 + 0.2] * 60, [0.25 + 1e-12, 0.3] * 60)

    assert found["distribution"] == 0.0


@pytest.mark.parametrize(
    ("field", "reference", "window"),
    [
        (CategoryInput(type="category"), ["red", "blue"] * 100, ["red"] * 100),
        (CategoryInput(type="category"), ["red", "blue"] * 100, ["green", "blue"] * 50),
        (BooleanInput(type="boolean"), [True, False] * 100, [True] * 100),
    ],
)
def test_words_that_become_more_or_are_new_are_drift(field: Any, reference: list[Value], window: list[Value]) -> None:
    assert measured(field, reference, window)["distribution"] > 0.4


def test_rare_words_are_counted_as_one_so_that_other_rare_ones_are_no_drift() -> None:
    field = CategoryInput(type="category")

    reference, window = (["often"] * 100 + [f"{letter}{number}" for number in range(20)] for letter in "ab")
    found = measured(field, reference, window)

    assert found["distribution"] == pytest.approx(0.0, abs=1e-7)


def test_a_date_that_moves_on_is_no_drift_but_one_that_is_missing_is() -> None:
    start = datetime(2026, 3, 3, tzinfo=UTC)
    before = [start + timedelta(hours=hour) for hour in range(100)]
    later: list[Any] = [moment + timedelta(days=365) for moment in before]

    field = DatetimeInput(type="datetime", optional=True)

    assert measured(field, before, later) == {"missing": 0.0}
    assert measured(field, before, [*later[:50], *[None] * 50]) == {"missing": 0.5}
