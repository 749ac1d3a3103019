"""Thresholds are compared with trying every threshold there is."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml_pipeline.errors import UnreachableRequirement
from ml_pipeline.learning.decision import tune_threshold
from ml_pipeline.learning.metrics import Costs, Scored, metric_values
from ml_pipeline.spec import Decision

SCORES = st.one_of(st.sampled_from([0.0, 5e-324, 0.1, 0.1 + 1e-17, 0.3, 0.5, 0.7, 1.0]), st.floats(0, 1))
ROWS = st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=1, max_size=25)
DECISIONS = st.builds(
    Decision,
    objective=st.sampled_from(["accuracy", "f1", "cost"]),
    false_positive=st.sampled_from([0.0, 1.0, 10.0]),
    false_negative=st.sampled_from([1.0, 3.0]),
    require=st.dictionaries(
        st.sampled_from(["accuracy", "f1", "precision", "recall"]), st.sampled_from([0.3, 0.6, 0.9])
    ),
)


def measured(labels: np.ndarray, scores: np.ndarray, threshold: float, decision: Decision) -> dict[str, float]:
    decisions = (scores >= threshold).astype(int)
    return metric_values(Scored(labels, decisions, np.column_stack([1 - scores, scores])), Costs.of(decision))


def gain(values: dict[str, float], decision: Decision) -> float:
    return -values["expected_cost"] if decision.objective == "cost" else values[decision.objective]


def every_decision(scores: np.ndarray) -> list[float]:
    """A threshold for each way to decide: at each score, and above all of them where 1 allows it."""
    top = [] if scores.max() == 1.0 else [np.nextafter(scores.max(), 2.0)]
    return [*np.unique(scores), *top]


@given(ROWS, DECISIONS)
def test_no_threshold_is_better_than_the_tuned_one(rows: list[tuple[int, float]], decision: Decision) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    tried = [measured(labels, scores, threshold, decision) for threshold in every_decision(scores)]
    allowed = [values for values in tried if all(values[name] >= least for name, least in decision.require.items())]
    if not allowed:
        with pytest.raises(UnreachableRequirement):
            tune_threshold(labels, scores, decision)
        return
    tuned = tune_threshold(labels, scores, decision)
    values = measured(labels, scores, tuned.threshold, decision)
    assert 0.0 <= tuned.threshold <= 1.0
    assert all(values[name] >= least for name, least in decision.require.items())
    assert gain(values, decision) == pytest.approx(max(gain(one, decision) for one in allowed))
    assert tuned.metrics == pytest.approx({name: values[name] for name in tuned.metrics})


@given(ROWS)
def test_the_threshold_stands_in_the_middle_of_its_gap(rows: list[tuple[int, float]]) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    tuned = tune_threshold(labels, scores, Decision(objective="accuracy"))
    below, above = scores[scores < tuned.threshold], scores[scores >= tuned.threshold]
    low, high = (below.max() if len(below) else 0.0), (above.min() if len(above) else 1.0)
    assume(high - low > 1e-9)
    assert tuned.threshold == pytest.approx((low + high) / 2)


def test_among_equal_gaps_the_one_nearest_to_one_half_wins() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.05, 0.4, 0.62, 0.95])
    assert tune_threshold(labels, scores, Decision()).threshold == pytest.approx(0.225)
    mirrored = tune_threshold(1 - labels[::-1], 1 - scores[::-1], Decision()).threshold
    assert mirrored == pytest.approx(0.775)


def test_an_expensive_false_positive_raises_the_threshold() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=2_000)
    scores = np.clip(generator.normal(0.35 + 0.3 * labels, 0.15), 0, 1)
    cheap, dear = (
        tune_threshold(labels, scores, Decision(objective="cost", false_positive=cost, false_negative=1))
        for cost in (1, 20)
    )
    assert dear.threshold > cheap.threshold + 0.1
    assert dear.metrics["precision"] > cheap.metrics["precision"]


def test_an_unreachable_requirement_says_what_can_be_reached() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.9, 0.8, 0.2, 0.1])
    decision = Decision(require={"precision": 0.95, "recall": 0.5})
    with pytest.raises(UnreachableRequirement, match=r"precision ≥ 0\.95 \(at best 0\.5000\)") as caught:
        tune_threshold(labels, scores, decision)
    assert caught.value.details["best"] == {"precision": 0.5, "recall": None}


def test_the_curve_is_thinned_with_both_ends_kept() -> None:
    scores = np.linspace(0.01, 0.99, 500)
    curve = tune_threshold((scores > 0.5).astype(int), scores, Decision()).curve
    points = curve.points(most=11)
    assert len(points) == 11
    assert points[0]["recall"] == 1.0
    assert points[-1]["recall"] == 0.0
