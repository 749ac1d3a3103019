"""Distances of counts: what they are by definition, for many draws at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon

from ml_pipeline.drift.distances import jensen_shannon, of_frequent, share_difference, share_drop, total_variation

COUNTS = arrays(np.float64, (3, 4), elements=st.integers(0, 50).map(float)).filter(lambda x: (x.sum(axis=1) > 0).all())


@given(COUNTS, COUNTS)
def test_a_distance_is_from_0_to_1_and_the_same_both_ways(one: np.ndarray, other: np.ndarray) -> None:
    for distance in (jensen_shannon, total_variation, share_difference):
        found = distance(one, other)
        assert ((found >= 0) & (found <= 1)).all()
        assert found == pytest.approx(distance(other, one), abs=1e-7)
        assert distance(one, 3 * one) == pytest.approx(np.zeros(3), abs=1e-7)


@given(COUNTS, COUNTS)
def test_jensen_shannon_is_scipys(one: np.ndarray, other: np.ndarray) -> None:
    assert jensen_shannon(one, other) == pytest.approx(jensenshannon(one, other, base=2, axis=1), abs=1e-7)


def test_nothing_in_common_is_1() -> None:
    one, other = np.array([[5.0, 0.0]]), np.array([[0.0, 9.0]])

    assert jensen_shannon(one, other) == total_variation(one, other) == share_difference(one, other) == [1.0]


def test_only_a_drop_of_the_share_is_a_loss() -> None:
    assert share_drop(np.array([[8.0, 2.0]]), np.array([[5.0, 5.0]])) == pytest.approx(0.3)
    assert share_drop(np.array([[5.0, 5.0]]), np.array([[8.0, 2.0]])) == [0.0]


def test_cells_that_are_rare_in_the_reference_are_counted_with_the_others() -> None:
    reference, window = np.array([[90.0, 4.0, 6.0]]), np.array([[80.0, 0.0, 20.0]])

    grouped = jensen_shannon(np.array([[90.0, 10.0]]), np.array([[80.0, 20.0]]))

    assert of_frequent(5)(reference, window) == pytest.approx(grouped)
    assert of_frequent(4)(reference, window) > grouped
