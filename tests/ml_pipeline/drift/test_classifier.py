"""The domain classifier: what it finds, and what it must not learn."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ml_pipeline.drift.classifier import DomainClassifier
from ml_pipeline.inputs import Row
from ml_pipeline.spec import CategoryInput, DatetimeInput, NumberInput, TextInput
from tests.registry_ui.drifting import snapshot

START = datetime(2026, 3, 3, tzinfo=UTC)
TEXT = {"text": TextInput(type="text")}
TABLE: dict[str, Any] = {
    "x": NumberInput(type="number", optional=True),
    "y": NumberInput(type="number"),
    "colour": CategoryInput(type="category", optional=True),
}


def texts(name: str, start: int, count: int) -> list[Row]:
    return [{"text": one["text"]} for one in snapshot(name)[start : start + count]]


def table(count: int, seed: int, *, together: float) -> list[Row]:
    """Two numbers whose distributions alone are always the same; `together` is their correlation."""
    generator = np.random.default_rng(seed)
    pairs = generator.multivariate_normal([0, 0], [[1, together], [together, 1]], size=count)
    colours = generator.choice(["red", "blue"], size=count).tolist()
    return [{"x": x, "y": y, "colour": colour} for (x, y), colour in zip(pairs.tolist(), colours, strict=True)]


def test_texts_of_another_kind_are_told_apart_and_those_of_the_same_are_not() -> None:
    classifier = DomainClassifier(TEXT, texts("movie_reviews", 0, 800))
    bound = classifier.chance_bound(400, false_alarms=0.001)

    assert classifier.auc(texts("tweets", 0, 400)) > 0.85
    assert classifier.auc(texts("movie_reviews", 1_000, 400)) < bound < 0.65


def test_rows_that_a_window_repeats_are_not_known_by_heart() -> None:
    classifier = DomainClassifier(TEXT, texts("movie_reviews", 0, 400))
    others = texts("movie_reviews", 400, 100)

    repeated = [others[place] for place in np.random.default_rng(2).integers(100, size=1_500)]

    assert classifier.auc(repeated) < 0.62


def test_nor_are_rows_that_are_repeated_at_other_moments_and_with_other_numbers() -> None:
    generator = np.random.default_rng(4)
    inputs: dict[str, Any] = {**TEXT, "sent_at": DatetimeInput(type="datetime"), "size": NumberInput(type="number")}

    def mails(start: int, count: int, times: int) -> list[Row]:
        sent = [one for one in texts("movie_reviews", start, count) for _ in range(times)]
        return [
            {**one, "sent_at": START + timedelta(seconds=int(generator.integers(10**8))), "size": generator.random()}
            for one in sent
        ]

    classifier = DomainClassifier(inputs, mails(0, 400, 1))
    window = mails(400, 100, 3)

    rows = classifier.effective_rows(window)

    assert rows < 150
    assert classifier.auc(window) < classifier.chance_bound(rows, false_alarms=0.001)


def test_what_no_single_field_shows_is_found() -> None:
    classifier = DomainClassifier(TABLE, table(500, 1, together=0.9))

    assert classifier.auc(table(300, 2, together=-0.9)) > 0.9
    assert classifier.auc(table(300, 3, together=0.9)) < classifier.chance_bound(300, false_alarms=0.001)


def test_a_word_that_the_reference_lacks_and_a_missing_value_are_no_trouble() -> None:
    classifier = DomainClassifier(TABLE, table(400, 1, together=0.5))

    rows = [{**row, "colour": "green", "x": None} for row in table(300, 2, together=0.5)]

    assert classifier.auc(rows) == pytest.approx(1.0, abs=0.01)


def test_moments_tell_nothing() -> None:
    assert not DomainClassifier({"at": DatetimeInput(type="datetime")}, [{"at": None}] * 500).useful
