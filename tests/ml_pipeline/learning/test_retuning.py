"""The gain that is promised is the gain that comes, and where there is none, none is promised."""

import numpy as np
import pytest

from ml_pipeline.errors import UnreachableRequirement
from ml_pipeline.learning.decision import tune_threshold
from ml_pipeline.learning.retuning import recalibrate, retune
from ml_pipeline.spec import Decision

COST = Decision(objective="cost", false_positive=1.0, false_negative=5.0)


def answers(rows: int, seed: int, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities; without a shift of the log-odds the probabilities are what they say."""
    source = np.random.default_rng(seed)
    true = source.beta(1.2, 2.0, size=rows)
    labels = (source.random(rows) < true).astype(np.int64)
    return labels, 1 / (1 + np.exp(-(np.log(true / (1 - true)) + shift)))


def test_a_threshold_for_the_wrong_costs_gains_what_fresh_rows_confirm() -> None:
    labels, probabilities = answers(3_000, 1)
    decided = (probabilities >= 0.5).astype(np.int64)
    found = retune(labels, decided, probabilities, decision=COST, draws=500)
    assert found.metric == "expected_cost"
    assert found.gain.high < 0, "surely cheaper"
    assert found.threshold == pytest.approx(1 / 6, abs=0.06)  # Elkan (2001): costs alone say where to decide

    fresh_labels, fresh = answers(200_000, 2)

    def cost(threshold: float) -> float:
        decision = fresh >= threshold
        return float(np.mean((decision & (fresh_labels == 0)) + 5.0 * (~decision & (fresh_labels == 1))))

    assert found.gain.low <= cost(found.threshold) - cost(0.5) <= found.gain.high


def test_a_threshold_that_is_right_already_promises_nothing() -> None:
    sure = 0
    for seed in range(20):
        labels, probabilities = answers(400, seed)
        decided = (probabilities >= 1 / 6).astype(np.int64)
        sure += retune(labels, decided, probabilities, decision=COST, draws=300).gain.high < 0
    assert sure <= 1, "judged on the rows that chose it, it would promise a gain nearly always"
    labels, probabilities = answers(400, 0)
    in_sample = tune_threshold(labels, probabilities, COST).metrics["expected_cost"]
    decided = (probabilities >= 1 / 6).astype(np.int64)
    assert in_sample < retune(labels, decided, probabilities, decision=COST, draws=100).gain.candidate


def test_what_no_threshold_reaches_is_said() -> None:
    labels, probabilities = answers(400, 3)
    decision = Decision(objective="cost", false_negative=5.0, require={"precision": 1.0, "recall": 1.0})
    with pytest.raises(UnreachableRequirement):
        retune(labels, labels, probabilities, decision=decision, draws=100)


def test_shifted_probabilities_are_put_right_and_right_ones_left_alone() -> None:
    labels, shifted = answers(3_000, 4, shift=1.5)
    found = recalibrate(labels, shifted, draws=300)
    assert found.gain.high < 0
    assert found.by == (pytest.approx(1, abs=0.15), pytest.approx(-1.5, abs=0.25))
    labels, right = answers(3_000, 5)
    assert recalibrate(labels, right, draws=300).gain.high > 0


def test_certain_and_separable_answers_end_in_finite_numbers() -> None:
    labels = np.array([0, 1] * 60)
    found = recalibrate(labels, labels.astype(float), draws=100)
    assert np.isfinite([*found.by, found.gain.difference]).all()
