import numpy as np

from ml_pipeline.learning.comparison import compared_curves, threshold_table
from ml_pipeline.learning.metrics import Scored
from ml_pipeline.scores import HeldOutScores
from ml_pipeline.spec import Decision

LABELS = np.array([0, 0, 1, 1])
COSTLY = Decision(false_positive=1, false_negative=3)


def scored(*positive: float, threshold: float = 0.5, labels: np.ndarray = LABELS) -> Scored:
    probabilities = np.array(positive)
    return Scored(
        labels, (probabilities >= threshold).astype(np.int64), np.column_stack([1 - probabilities, probabilities])
    )


def test_the_threshold_table_counted_by_hand() -> None:
    table = threshold_table(scored(0.1, 0.6, 0.4, 0.9), scored(0.1, 0.2, 0.8, 0.9), COSTLY, 0.55)
    at = {row["threshold"]: row for row in table}

    assert [row["threshold"] for row in table if row["own"]] == [0.55]
    assert at[0.3] == {
        "threshold": 0.3,
        "own": False,
        "accuracy": 0.75,
        "f1": 0.8,
        "precision": 0.666667,
        "recall": 1.0,
        "expected_cost": 0.25,
        "flips": 1,
    }
    assert (at[0.55]["accuracy"], at[0.55]["expected_cost"], at[0.55]["flips"]) == (0.5, 1.0, 2)
    assert (at[0.95]["recall"], at[0.95]["expected_cost"], at[0.95]["flips"]) == (0.0, 1.5, 2)


def test_both_models_stand_on_the_rows_that_the_champion_answered() -> None:
    compared = np.array([True, True, False, True])
    champion = scored(0.3, 0.2, 0.7, labels=LABELS[compared])
    scores = HeldOutScores(list("abcd"), scored(0.1, 0.6, 0.4, 0.9), compared, champion)

    both = compared_curves(scores, labels=("no", "yes"), decision=COSTLY, threshold=0.5)

    assert both["rows"] == 3
    assert both["champion"]["roc"][-1] == {"false_positive_rate": 1.0, "true_positive_rate": 1.0}
    assert {row["flips"] for row in both["thresholds"] if row["own"]} == {1}
    assert [row["accuracy"] for row in both["champion_thresholds"] if row["threshold"] == 0.25] == [0.666667]


def test_many_rows_give_few_points() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=5_000)
    many = scored(*generator.random(5_000), labels=labels)

    both = compared_curves(
        HeldOutScores([""] * 5_000, many, np.zeros(5_000, dtype=bool), None),
        labels=("no", "yes"),
        decision=COSTLY,
        threshold=None,
    )

    assert max(len(both["candidate"][name]) for name in both["candidate"]) <= 201
    assert (both["champion"], both["thresholds"]) == (None, [])
