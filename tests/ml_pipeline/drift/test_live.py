"""The metric of known labels: chance does not look like a loss, a loss does, and too few labels judge accuracy."""

import numpy as np
import pytest

from ml_pipeline.drift.live import LivePerformance, live_performance
from ml_pipeline.drift.performance import Reference
from ml_pipeline.drift.samples import Answers
from ml_pipeline.learning.metrics import Floats

THRESHOLD = 0.05
MORTGAGE = np.array([[0.832, 0.048], [0.072, 0.048]])  # shares by (true, decided): 12 % positive, recall 0.4
ONE_PERCENT = np.array([[0.986, 0.004], [0.004, 0.006]])
RARE_CLASS = np.array([[0.522, 0.029, 0.029], [0.03, 0.34, 0.03], [0.004, 0.004, 0.012]])  # 2 % of the third


def drawn(shares: Floats, rows: int, generator: np.random.Generator) -> tuple[Answers, list[str]]:
    """Answers and true labels; right answers are the surer ones."""
    cells = generator.choice(shares.size, size=rows, p=shares.ravel() / shares.sum())
    truths, decided = np.divmod(cells, len(shares))
    probabilities = np.clip(0.3 + 0.4 * (decided == 1) + 0.1 * (truths == 1) + generator.normal(0, 0.1, rows), 0, 1)
    return Answers([f"label {place}" for place in decided], probabilities), [f"label {place}" for place in truths]


def measured(
    held_out: Floats, live: Floats, *, labels: int, metric: str = "f1", rows: int = 475, seed: int = 0
) -> LivePerformance | None:
    generator, names = np.random.default_rng(seed), [f"label {place}" for place in range(len(held_out))]
    answers, truths = drawn(held_out, rows, generator)
    binary = len(names) == 2
    reference = Reference(answers, truths, names[1] if binary else None, names[0] if binary else None)
    return live_performance(reference, *drawn(live, labels, generator), labels=names, metric=metric)


def alarms(found: LivePerformance | None) -> bool:
    assert found is not None
    return found.statistic(THRESHOLD).alarms


@pytest.mark.parametrize(
    ("shares", "labels", "metric"),
    [
        (MORTGAGE, 50, "f1"),
        (MORTGAGE, 70, "recall"),
        (MORTGAGE, 200, "f1"),
        (ONE_PERCENT, 50, "f1"),
        (RARE_CLASS, 50, "f1"),
        (RARE_CLASS, 200, "recall"),
    ],
)
def test_undrifted_windows_do_not_alarm_by_the_luck_of_few_rows(shares: Floats, labels: int, metric: str) -> None:
    found = [measured(shares, shares, labels=labels, metric=metric, seed=seed) for seed in range(150)]

    assert sum(map(alarms, found)) <= 2


@pytest.mark.parametrize(
    ("held_out", "live", "labels", "judged"),
    [
        (MORTGAGE, np.array([[0.83, 0.05], [0.118, 0.002]]), 1_000, "f1"),
        (MORTGAGE, np.array([[0.53, 0.35], [0.07, 0.05]]), 70, "accuracy"),
        (ONE_PERCENT, np.array([[0.75, 0.24], [0.004, 0.006]]), 50, "accuracy"),
        (RARE_CLASS, np.array([[0.35, 0.12, 0.11], [0.08, 0.24, 0.08], [0.01, 0.005, 0.005]]), 100, "accuracy"),
    ],
)
def test_a_real_fall_is_found_by_the_metric_or_by_accuracy(
    held_out: Floats, live: Floats, labels: int, judged: str
) -> None:
    found = [measured(held_out, live, labels=labels, seed=seed) for seed in range(20)]

    assert {one and one.metric for one in found} == {judged}
    assert sum(map(alarms, found)) >= 17


def test_accuracy_that_stands_for_another_metric_says_so() -> None:
    few, enough = (measured(MORTGAGE, MORTGAGE, labels=labels) for labels in (50, 1_000))

    assert few is not None
    assert enough is not None
    assert (few.metric, few.instead_of) == ("accuracy", "f1")
    assert (enough.metric, enough.instead_of) == ("f1", "")
    assert few.low < few.value < few.high


def test_a_model_that_never_decides_for_the_positive_label_has_no_precision_and_is_judged_by_accuracy() -> None:
    silent = np.array([[0.88, 0.0], [0.12, 0.0]])

    found = measured(np.array([[0.79, 0.01], [0.02, 0.18]]), silent, labels=300, metric="precision")

    assert found is not None
    assert (found.metric, found.instead_of) == ("accuracy", "precision")


def test_areas_are_judged_of_two_labels_and_not_of_several() -> None:
    two, three = (measured(shares, shares, labels=400, metric="roc_auc") for shares in (MORTGAGE, RARE_CLASS))

    assert two is not None
    assert three is not None
    assert (two.metric, three.metric, three.instead_of) == ("roc_auc", "accuracy", "roc_auc")
    assert 0 < two.bound < 0.3
    assert two.low < two.value < two.high
    assert not alarms(two)


def test_a_label_that_the_model_does_not_have_is_left_out() -> None:
    generator = np.random.default_rng(0)
    reference = Reference(*drawn(MORTGAGE, 475, generator), "label 1", "label 0")
    answers, truths = drawn(MORTGAGE, 60, generator)
    names = ["label 0", "label 1"]

    found = live_performance(reference, answers, [*truths[:55], *["another"] * 5], labels=names, metric="accuracy")

    assert found is not None
    assert found.rows == 55
    assert found == live_performance(reference, answers.take(range(55)), truths[:55], labels=names, metric="accuracy")
    assert live_performance(reference, answers, ["another"] * 60, labels=names, metric="accuracy") is None
