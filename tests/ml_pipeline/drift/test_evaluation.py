"""Whole evaluations on real texts: undrifted windows are quiet, drifted ones are not."""

import numpy as np
import pytest

from ml_pipeline.drift.evaluation import PreparedReference, Statistic
from ml_pipeline.drift.performance import Reference
from ml_pipeline.drift.samples import Answers, Sample
from ml_pipeline.inputs import Row
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.spec import Thresholds
from tests.registry_ui.drifting import sentiment, tweet_texts

THRESHOLDS = Thresholds().model_dump()


@pytest.fixture(scope="module")
def halves() -> tuple[PreparedReference, list[Row], Answers]:
    """One half of the held-out rows as reference, the other with its answers."""
    bundle, held_out, scores = sentiment()
    first, second = np.array_split(np.random.default_rng(11).permutation(len(held_out)), 2)
    parts = [scores.candidate.take(half) for half in (first, second)]
    known, other = (Reference.of_scores(part, bundle.labels, binary=True) for part in parts)
    return PreparedReference(bundle, held_out.take(first).rows, known), held_out.take(second).rows, other.answers


def test_50_undrifted_windows_of_500_rows_raise_no_alarm(halves: tuple[PreparedReference, list[Row], Answers]) -> None:
    reference, rows, answers = halves
    generator = np.random.default_rng(12)
    with single_threaded():
        for _ in range(50):
            places = generator.integers(len(rows), size=500)
            found = reference.evaluate(Sample([rows[place] for place in places], answers.take(places)), THRESHOLDS)
            assert not found.drifted, [one for one in found.statistics if one.alarms]


def test_a_window_as_large_as_traffic_can_be_is_no_more_alarming(
    halves: tuple[PreparedReference, list[Row], Answers],
) -> None:
    reference, rows, answers = halves
    places = np.random.default_rng(13).integers(len(rows), size=20_000)

    found = reference.evaluate(Sample([rows[place] for place in places], answers.take(places)), THRESHOLDS)

    assert not found.drifted
    assert found.effective_rows < len(rows) * 1.1


def test_what_drifted_stands_first_and_says_what_moved(halves: tuple[PreparedReference, list[Row], Answers]) -> None:
    reference, _, _ = halves
    bundle, _, _ = sentiment()
    rows = bundle.validate([{"text": text} for text in tweet_texts(500)])
    answered = bundle.predict(rows)
    answers = Answers([one.label for one in answered], np.array([one.probability for one in answered]))

    found = reference.evaluate(Sample(rows, answers), THRESHOLDS)

    assert found.drifted
    assert [one.alarms for one in found.statistics] == sorted((one.alarms for one in found.statistics), reverse=True)
    words = next(one for one in found.statistics if one.kind == "vocabulary")
    assert 0 < len(words.shown) <= 12
    assert max(words.shown, key=lambda cell: cell[2] - cell[1])[0] in {"others", "!", "i", "http", ":", "/", "my", "."}


def test_an_alarm_needs_what_matters_and_more_than_chance() -> None:
    def alarms(value: float) -> bool:
        return Statistic("length", "text", value, threshold=0.1, bound=0.2).alarms

    assert not alarms(0.15)
    assert alarms(0.21)
    assert not Statistic("length", "text", 0.05, threshold=0.1, bound=0.01).alarms
