"""Expected performance without labels: right where only the inputs move, with an interval that says how sure."""

import numpy as np
import pytest

from ml_pipeline.drift.performance import Calibrator, Reference, estimates
from ml_pipeline.drift.samples import Answers
from ml_pipeline.learning.metrics import Costs

COSTS = Costs(false_positive=1.0, false_negative=2.0)


def drawn(rows: int, seed: int, *, centre: float, overconfident: float = 1.0) -> tuple[Answers, list[str]]:
    """Answers of a model whose log-odds are `overconfident` times the true ones, and the true labels."""
    generator = np.random.default_rng(seed)
    odds = generator.normal(centre, 1.5, size=rows)
    truths = np.where(generator.random(rows) < 1 / (1 + np.exp(-odds)), "yes", "no")
    probabilities = 1 / (1 + np.exp(-overconfident * odds))
    return Answers(np.where(probabilities >= 0.5, "yes", "no").tolist(), probabilities), truths.tolist()


def reference(rows: int = 2_000, **how: float) -> Reference:
    answers, truths = drawn(rows, 1, centre=0.0, **how)
    return Reference(answers, truths, "yes", "no")


@pytest.mark.parametrize("overconfident", [1.0, 3.0])
@pytest.mark.parametrize("centre", [0.0, 1.5, -1.0])
def test_the_true_metrics_of_moved_inputs_lie_in_their_intervals(centre: float, overconfident: float) -> None:
    window, truths = drawn(1_500, 2, centre=centre, overconfident=overconfident)

    found = {one.metric: one for one in estimates(reference(overconfident=overconfident), window, costs=COSTS)}

    right = np.array(truths) == np.array(window.labels)
    missed = ~right & (np.array(truths) == "yes")
    true = {"accuracy": right.mean(), "expected_cost": ((~right & ~missed).sum() + 2 * missed.sum()) / len(truths)}
    for metric, value in true.items():
        one = found[metric]
        assert one.low < value < one.high
        assert one.low < one.value < one.high
        assert one.high - one.low < 0.15
    assert 0 < found["f1"].low < found["f1"].value < found["f1"].high < 1


def test_a_calibrator_undoes_overconfidence_and_survives_a_model_without_faults() -> None:
    answers, truths = drawn(5_000, 3, centre=0.0, overconfident=3.0)

    found = Calibrator.fitted(answers.probabilities, np.array(truths) == "yes")

    assert (found.slope, found.offset) == (pytest.approx(1 / 3, abs=0.03), pytest.approx(0.0, abs=0.1))
    sure = Calibrator.fitted(np.full(200, 0.99), np.ones(200, dtype=bool))
    assert 0.98 < float(sure(np.array([0.99]))[0]) < 1.0


def test_of_several_labels_the_answers_own_probability_gives_the_accuracy() -> None:
    generator = np.random.default_rng(4)
    confident = generator.uniform(0.4, 1.0, size=3_000)
    truths = np.where(generator.random(3_000) < confident, "a", "b").tolist()
    known = Reference(Answers(["a"] * 3_000, confident), truths, None)
    window = Answers(["a"] * 1_000, generator.uniform(0.4, 0.6, size=1_000))

    [found] = estimates(known, window, costs=Costs())

    assert (found.metric, found.value) == ("accuracy", pytest.approx(0.5, abs=0.03))
    assert found.reference == pytest.approx(0.7, abs=0.03)
