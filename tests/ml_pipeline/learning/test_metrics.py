"""Every metric is scikit-learn's, for plain rows and for weighted ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from ml_pipeline.learning.metrics import METRICS, Costs, Scored, metric_values

SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.75, 1.0])


@st.composite
def binary_rows(draw: st.DrawFn) -> tuple[Scored, np.ndarray]:
    rows = draw(st.lists(st.tuples(st.integers(0, 1), SCORES, st.integers(0, 3)), min_size=2, max_size=30))
    labels, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    scored = Scored(labels, (scores >= 0.5).astype(np.int64), np.column_stack([1 - scores, scores]))
    return scored, weights.astype(float)


@given(binary_rows())
def test_binary_metrics_agree_with_scikit_learn_under_any_weights(case: tuple[Scored, np.ndarray]) -> None:
    scored, weights = case
    positives, negatives = weights[scored.labels == 1].sum(), weights[scored.labels == 0].sum()
    if not positives or not negatives:
        return
    probability = scored.probabilities[:, 1]
    plain = {"sample_weight": weights, "zero_division": 0}
    expected = {
        "accuracy": metrics.accuracy_score(scored.labels, scored.decisions, sample_weight=weights),
        "f1": metrics.f1_score(scored.labels, scored.decisions, **plain),
        "precision": metrics.precision_score(scored.labels, scored.decisions, **plain),
        "recall": metrics.recall_score(scored.labels, scored.decisions, **plain),
        "roc_auc": metrics.roc_auc_score(scored.labels, probability, sample_weight=weights),
        "pr_auc": metrics.average_precision_score(scored.labels, probability, sample_weight=weights),
        "brier": metrics.brier_score_loss(scored.labels, probability, sample_weight=weights),
    }
    for name, value in expected.items():
        assert METRICS[name](scored, weights[None, :], Costs())[0] == pytest.approx(value, abs=1e-12), name


def test_multi_class_metrics_are_macro_averages() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(4, size=200)
    probabilities = generator.dirichlet(np.ones(4), size=200)
    scored = Scored(labels, probabilities.argmax(axis=1), probabilities)
    values = metric_values(scored, Costs())
    one_hot = np.eye(4)[labels]
    assert values["f1"] == pytest.approx(metrics.f1_score(labels, scored.decisions, average="macro"))
    assert values["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, probabilities, multi_class="ovr"))
    assert values["pr_auc"] == pytest.approx(metrics.average_precision_score(one_hot, probabilities, average="macro"))
    assert values["brier"] == pytest.approx(metrics.brier_score_loss(labels, probabilities))
    assert values["expected_cost"] == pytest.approx(1 - values["accuracy"])


def test_costs_weigh_each_kind_of_wrong_decision() -> None:
    labels, decisions = np.array([0, 0, 1, 1]), np.array([1, 0, 0, 0])
    scored = Scored(labels, decisions, np.column_stack([1 - decisions, decisions]).astype(float))
    assert metric_values(scored, Costs(false_positive=10, false_negative=1))["expected_cost"] == (10 + 2) / 4


def test_areas_of_one_class_are_undefined_and_the_rest_is_not() -> None:
    scored = Scored(np.zeros(3, dtype=int), np.zeros(3, dtype=int), np.array([[0.9, 0.1]] * 3))
    values = metric_values(scored, Costs())
    assert math.isnan(values["roc_auc"])
    assert math.isnan(values["pr_auc"])
    assert values["accuracy"] == 1.0
    assert values["precision"] == 0.0
