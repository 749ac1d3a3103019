"""A declared model, fitted to a few rows, as the compiled scorer and as the scikit-learn pipeline."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ml_pipeline.bundle import skops_files
from ml_pipeline.bundle.compiled.scorer import CompiledScorer, compile_scorer
from ml_pipeline.bundle.pipeline import Pipeline
from ml_pipeline.inputs import Row
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.estimators import build_estimator
from ml_pipeline.spec import Estimator, FeatureBlock, Features

WORDS = ["good", "bad", "Naïve", "façade", "plain", "very", "ab", "a", "İstanbul", "don't", "x" * 30, "ﬁne"]
COLOURS = ["red", "blue", "green", "mauve"]

texts = st.lists(st.sampled_from([*WORDS, "unseen", " ", "\n", "  ", "."]), max_size=14).map(" ".join) | st.text(
    max_size=30
)
numbers = st.none() | st.floats(-3, 3) | st.integers(-3, 3).map(float) | st.just(1e9)
moments = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
any_row = st.fixed_dictionaries(
    {
        "text": texts,
        "title": st.none() | texts,
        "colour": st.none() | st.sampled_from([*COLOURS, "unseen"]),
        "paid": st.none() | st.booleans(),
        "size": numbers,
        "width": numbers,
        "at": moments,
    }
)


class Pair(NamedTuple):
    compiled: CompiledScorer
    pipeline: Pipeline

    def difference(self, rows: Sequence[Row]) -> float:
        """The largest difference between the two in any probability."""
        theirs = np.array(self.pipeline.probabilities(rows))
        return float(np.abs(np.array(self.compiled.probabilities(rows)) - theirs).max())


def fitted_pair(
    blocks: Sequence[FeatureBlock],
    estimator: Estimator,
    *,
    classes: int = 2,
    cleaning: Mapping[str, Sequence[str]] | None = None,
) -> Pair:
    rows, labels = training_rows(classes)
    encoder = Encoder(blocks, cleaning or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = build_estimator(estimator).fit(encoder.fit_transform(encoder.clean(rows)), labels)
    model = skops_files.dump({"encoder": encoder.state(), "estimator": fitted})
    features, names = Features(blocks=tuple(blocks)), [str(label) for label in range(classes)]
    return Pair(
        compile_scorer(model, features, cleaning or {}, names),
        Pipeline(model, features, cleaning or {}),
    )


def training_rows(classes: int) -> tuple[list[Row], list[int]]:
    """90 rows with every type of value, some missing, that tell something about their labels."""
    generator = np.random.default_rng(3)
    labels = [number % classes for number in range(90)]
    return [_row(generator, number, label) for number, label in enumerate(labels)], labels


def _row(generator: Any, number: int, label: int) -> Row:
    favoured = [*WORDS, *([WORDS[label]] * 6)]
    return {
        "text": " ".join(generator.choice(favoured, size=8)),
        "title": None if number % 9 == 0 else str(generator.choice(favoured)),
        "colour": None if number % 11 == 0 else COLOURS[int(generator.integers(3)) if number % 29 else 3],
        "paid": None if number % 13 == 0 else bool(generator.random() < (label + 1) / 4),
        "size": None if number % 7 == 0 else float(round(generator.normal(label), 1)),
        "width": float(generator.integers(5)),
        "at": None if number % 17 == 0 else datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=31 * number),
    }
