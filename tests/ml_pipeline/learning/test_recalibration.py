"""Two numbers over a model's probabilities: what they keep, whatever they are."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_pipeline.learning.recalibration import Recalibration, in_turn

recalibrations = st.builds(Recalibration, st.floats(0.01, 20.0), st.floats(-20.0, 20.0))
probabilities = st.floats(0.0, 1.0)


@given(st.lists(recalibrations, max_size=3), st.lists(probabilities, min_size=2, max_size=20))
def test_probabilities_stay_probabilities_in_the_same_order(steps: list[Recalibration], asked: list[float]) -> None:
    changed = [in_turn(steps)(one) for one in sorted(asked)]
    assert all(0.0 <= one <= 1.0 for one in changed)
    assert all(low <= high or math.isclose(low, high, rel_tol=1e-12) for low, high in pairwise(changed))


@given(probabilities.filter(lambda one: 1e-6 <= one <= 1 - 1e-6))
def test_slope_1_and_intercept_0_change_nothing(asked: float) -> None:
    assert Recalibration(1.0, 0.0).probability(asked) == pytest.approx(asked, rel=1e-9)


def test_an_intercept_moves_the_odds() -> None:
    assert Recalibration(1.0, math.log(3.0)).probability(0.5) == pytest.approx(0.75)
    assert Recalibration(2.0, 0.0).probability(0.75) == pytest.approx(0.9)


@pytest.mark.parametrize(("slope", "intercept"), [(0.0, 1.0), (-1.0, 0.0), (math.inf, 0.0), (1.0, math.nan)])
def test_what_turns_or_loses_the_order_is_none(slope: float, intercept: float) -> None:
    assert not Recalibration(slope, intercept).is_increasing
