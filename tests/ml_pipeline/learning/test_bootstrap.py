import numpy as np
import pytest

from ml_pipeline.learning import bootstrap
from ml_pipeline.learning.bootstrap import bootstrap_intervals, finite, paired_bootstrap
from ml_pipeline.learning.metrics import Costs, Scored


def scored_rows(rows: int, right: float, seed: int) -> Scored:
    """Balanced binary rows of which a share `right` is decided rightly."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=rows)
    decisions = np.where(generator.random(rows) < right, labels, 1 - labels)
    probabilities = np.clip(decisions * 0.6 + 0.4 * generator.random(rows), 0, 1)
    return Scored(labels, decisions, np.column_stack([1 - probabilities, probabilities]))


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    covered = 0
    for seed in range(200):
        interval = bootstrap_intervals(scored_rows(200, 0.8, seed), costs=Costs(), draws=200)["accuracy"]
        covered += interval.low <= 0.8 <= interval.high
    assert 0.89 <= covered / 200 <= 0.99


def test_an_interval_of_an_accuracy_is_as_wide_as_the_binomial_one() -> None:
    interval = bootstrap_intervals(scored_rows(1_000, 0.9, 1), costs=Costs(), draws=2_000)["accuracy"]
    spread = 1.96 * np.sqrt(interval.value * (1 - interval.value) / 1_000)
    assert interval.high - interval.low == pytest.approx(2 * spread, rel=0.1)


def test_the_same_rows_give_the_same_intervals_also_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    scored = scored_rows(300, 0.8, 5)
    first = bootstrap_intervals(scored, costs=Costs(), draws=200)
    assert bootstrap_intervals(scored, costs=Costs(), draws=200) == first
    monkeypatch.setattr(bootstrap, "_CELLS", 1_000)
    blocks = bootstrap_intervals(scored, costs=Costs(), draws=200)
    assert blocks["f1"].low == pytest.approx(first["f1"].low, abs=0.02)


def test_undefined_metrics_are_left_out_of_json() -> None:
    scored = Scored(np.zeros(5, dtype=int), np.zeros(5, dtype=int), np.array([[0.8, 0.2]] * 5))
    shown = finite(bootstrap_intervals(scored, costs=Costs(), draws=100))
    assert "roc_auc" not in shown
    assert shown["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def compare(candidate: Scored, champion: Scored, metric: str) -> bootstrap.PairedDifference:
    return paired_bootstrap(
        labels=candidate.labels,
        candidate_decisions=candidate.decisions,
        candidate_probabilities=candidate.probabilities,
        champion_decisions=champion.decisions,
        champion_probabilities=champion.probabilities,
        metric=metric,
        draws=500,
    )


def test_a_model_against_itself_is_a_certain_tie() -> None:
    scored = scored_rows(200, 0.8, 2)
    difference = compare(scored, scored, "f1")
    assert (difference.difference, difference.low, difference.high) == (0.0, 0.0, 0.0)
    assert difference.probability_better == 0.5


def test_pairing_sees_a_small_gain_that_two_separate_intervals_would_hide() -> None:
    champion = scored_rows(1_000, 0.8, 7)
    decisions = champion.decisions.copy()
    wrong = np.flatnonzero(decisions != champion.labels)[:15]
    decisions[wrong] = champion.labels[wrong]
    candidate = Scored(champion.labels, decisions, champion.probabilities)
    difference = compare(candidate, champion, "accuracy")
    assert difference.difference == pytest.approx(0.015)
    assert 0 < difference.low < 0.015 < difference.high
    assert difference.probability_better > 0.99
    alone = [bootstrap_intervals(model, costs=Costs(), draws=500)["accuracy"] for model in (champion, candidate)]
    assert alone[0].high > alone[1].low


def test_a_lower_cost_is_the_better_one() -> None:
    champion, candidate = scored_rows(400, 0.7, 1), scored_rows(400, 0.7, 1)
    better = Scored(candidate.labels, candidate.labels, candidate.probabilities)
    difference = compare(better, champion, "expected_cost")
    assert difference.difference < 0
    assert difference.probability_better == 1.0
