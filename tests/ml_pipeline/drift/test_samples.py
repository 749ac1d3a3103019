"""How much a window's rows tell: as many as they are, or as the different ones among them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ml_pipeline.drift.samples import compared, effective_rows, row_keys, spread
from ml_pipeline.spec import DatetimeInput, TextInput

REFERENCE = [f"reference {row}" for row in range(800)]


def test_different_rows_are_worth_their_number() -> None:
    assert effective_rows([f"row {row}" for row in range(500)], REFERENCE) == 500


@pytest.mark.parametrize(("rows", "sources"), [(500, 800), (5_000, 800), (50_000, 800), (5_000, 500)])
def test_draws_from_few_rows_are_worth_what_the_finite_bootstrap_says(rows: int, sources: int) -> None:
    drawn = np.random.default_rng(rows).integers(sources, size=rows)

    assert effective_rows(drawn.tolist(), REFERENCE) == pytest.approx(1 / (1 / rows + 1 / sources), rel=0.15)


def test_rows_that_are_equal_by_nature_are_not_taken_for_repeats() -> None:
    generator = np.random.default_rng(1)
    reference, window = (generator.integers(4, size=rows).tolist() for rows in (2_000, 2_000))

    assert effective_rows(window, reference) > 500


def test_a_feed_that_got_stuck_on_one_row_is_still_a_window() -> None:
    assert effective_rows(["the same"] * 5_000, REFERENCE) == pytest.approx(len(REFERENCE) / 2, rel=0.1)


def test_rows_that_differ_by_their_moment_alone_are_repeats() -> None:
    inputs: dict[str, Any] = {"text": TextInput(type="text"), "sent_at": DatetimeInput(type="datetime")}
    start = datetime(2026, 3, 3, tzinfo=UTC)
    rows = [{"text": f"mail {row % 100}", "sent_at": start + timedelta(minutes=row)} for row in range(300)]

    keys = row_keys(rows, compared(inputs))

    assert len(set(keys)) == 100
    assert effective_rows(keys, REFERENCE) < 200


def test_a_spread_takes_the_first_and_the_last() -> None:
    assert list(spread(3, 5)) == [0, 1, 2]
    assert list(spread(101, 3)) == [0, 50, 100]
