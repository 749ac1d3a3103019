"""Explanations add up to the answer, name what a reader knows, and are the same each time."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_pipeline.bundle.compiled.analysis import Texts, analysis
from ml_pipeline.bundle.compiled.contributions import Feature, FieldTerms, MemberContributions, RowFeatures
from ml_pipeline.bundle.explaining import SHOWN_EACH_WAY, Explanation, explain_exactly
from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.bundle.permutation import WALKS, WORDS, explain_by_asking
from ml_pipeline.inputs import Row
from ml_pipeline.spec import TextInput
from tests.bundles import build_bundle, build_wine_bundle

TEXT = ("text",)
_SCORES = st.floats(-8, 8)


def total(explanation: Explanation) -> float:
    return explanation.baseline + sum(part.points for part in explanation.parts) + explanation.rest


def logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score))


def member(values: dict[str, float], *, baseline: float = 0.0, weight: float = 1.0) -> MemberContributions:
    features = RowFeatures([], [Feature(TEXT, term) for term in values])
    score = baseline + sum(values.values())
    return MemberContributions(
        "positive", weight, baseline, score, features, np.array([*values.values()]), logistic, lambda mean: mean
    )


def explained(*members: MemberContributions) -> Explanation:
    probability = sum(one.weight * one.to_probability(one.score) for one in members)
    return explain_exactly(members, probability=probability, threshold=0.5)


@given(
    st.lists(st.text("abcd ¬", min_size=1, max_size=4), max_size=40, unique=True).flatmap(
        lambda terms: st.lists(st.fixed_dictionaries(dict.fromkeys(terms, _SCORES)), min_size=1, max_size=3)
    ),
    _SCORES,
)
def test_what_is_shown_and_the_rest_are_all_that_lies_between_baseline_and_probability(
    scores: list[dict[str, float]], baseline: float
) -> None:
    members = [member(values, baseline=baseline, weight=1 / len(scores)) for values in scores]
    explanation = explained(*members)
    everything = sum(logistic(one.score) - logistic(one.baseline) for one in members) / len(members)

    assert total(explanation) == pytest.approx(explanation.probability, abs=1e-12)
    assert explanation.probability - explanation.baseline == pytest.approx(everything, abs=1e-9)
    if not explanation.rest_count:
        assert explanation.rest == pytest.approx(0, abs=1e-9)
    for sign in (1, -1):
        assert sum(part.points * sign > 0 for part in explanation.parts) <= SHOWN_EACH_WAY


def test_a_word_has_its_share_of_the_linear_score() -> None:
    explanation = explained(member({"good": 2.0, "dull": -1.0}, baseline=0.5))
    moved = logistic(1.5) - logistic(0.5)
    assert [(part.term, part.points) for part in explanation.parts] == [
        ("good", pytest.approx(2 * moved)), ("dull", pytest.approx(-moved))
    ]  # fmt: skip
    assert explanation.distance == pytest.approx(logistic(1.5) - 0.5)


TERMS = ["good", "not", "¬bad", "not ¬bad"]
PIECES = [" goo", "oods", "ds m", "good"]


VALUES = [1.0, 0.0, -0.25, 0.5, 0.5, 0.25, 0.125, 3.0]  # of TERMS, then of PIECES


def by_words(text: str, analyzer: str) -> dict[str | None, float]:
    """Values of the terms and pieces of a text as readers see them; the pieces are character n-grams."""
    read = analysis("word_ngrams", {"token_pattern": r"[\w¬]+", "ngrams": [1, 2]}, TERMS, 0)
    pieces = analysis("char_ngrams", {"analyzer": analyzer, "ngrams": [4, 4]}, PIECES, read.vocabulary.end)
    known = np.arange(pieces.vocabulary.first, pieces.vocabulary.unknown)
    present = np.isin(known, pieces.found(Texts([text]))[0][0])
    assert pieces.homes
    features = RowFeatures(
        [
            FieldTerms(TEXT, read.vocabulary, np.arange(len(TERMS))),
            FieldTerms(TEXT, pieces.vocabulary, known[present], pieces.homes(text)),
        ],
        [],
    )
    points, shown = features.for_readers(np.array(VALUES)[[True] * len(TERMS) + present.tolist()])
    return {feature.term: value for feature, value in zip(shown, points.tolist(), strict=True) if value}


def test_character_ngrams_count_for_the_words_that_they_lie_in() -> None:
    assert by_words("goods, goon not ¬bad", "char_wb") == {
        "good": 1.0,
        "not ¬bad": 0.5,
        "¬bad": -0.25,
        "goods": 0.25 + 0.25 + 3.0,
        "goon": 0.25,
    }
    assert by_words("a good good", "char_wb")["good"] == 1.0 + 0.5 + 3.0


def test_a_piece_that_lies_in_two_words_is_quoted() -> None:
    assert by_words("my goods might", "char") == {
        "good": 1.0,
        "not ¬bad": 0.5,
        "¬bad": -0.25,
        "goods": 0.5 + 0.25 + 3.0,
        "“ds m”": 0.125,
    }


@cache
def boosted_trees() -> ModelBundle:
    """Mortgages by boosted trees, which no linear score can take apart."""
    return ModelBundle.from_bytes(*build_bundle("mortgage", family="gradient_boosting"))


def explain(bundle: ModelBundle, inputs: dict[str, Any]) -> Explanation:
    ((_, explanation),) = bundle.explain(bundle.validate([inputs]))
    return explanation


def test_boosted_trees_are_asked_and_their_parts_add_up_the_same_each_time() -> None:
    bundle = boosted_trees()
    for sample in bundle.golden_samples:
        explanation = explain(bundle, sample["inputs"])
        assert explanation.source == "permutation"
        assert total(explanation) == pytest.approx(sample["probability"], abs=1e-9)
        assert explanation.rest == pytest.approx(0, abs=1e-9)
        assert {part.fields[0] for part in explanation.parts} <= set(bundle.inputs)
        assert explain(bundle, sample["inputs"]) == explanation


def test_of_several_labels_the_predicted_one_is_explained() -> None:
    bundle = ModelBundle.from_bytes(*build_wine_bundle())
    explanation = explain(bundle, bundle.golden_samples[0]["inputs"])
    assert (explanation.label, explanation.threshold, explanation.distance) == ("class_0", None, None)
    assert total(explanation) == pytest.approx(explanation.probability, abs=1e-9)


@pytest.mark.parametrize("words", [0, 3, WORDS, 500])
def test_a_long_text_is_asked_about_in_runs_so_that_the_calls_are_bounded(words: int) -> None:
    asked: list[Row] = []

    def count_good(rows: Any) -> list[float]:
        asked.extend(rows)
        return [min(1.0, str(row["text"]).split().count("word0") + 0.1) for row in rows]

    text = "\n ".join(f"word{number}" for number in range(words))
    explanation = explain_by_asking(
        count_good, {"text": text}, inputs={"text": TextInput(type="text", max_length=9_000)},
        samples=[{"text": "a golden one"}], label="good", threshold=0.5,
    )  # fmt: skip

    assert len(asked) <= WALKS * (WORDS + 1) + 1
    assert asked[-1] == {"text": text}
    assert [str(part.term).split()[0] for part in explanation.parts] == ["word0"][: min(words, 1)]
    assert total(explanation) == pytest.approx(explanation.probability)


@cache
def compiled_vote() -> ModelBundle:
    """Reviews by words and characters with negation marks, and by two members: what the bundled model is made of."""
    return ModelBundle.from_bytes(*build_bundle("sentiment", as_declared=True))


@settings(max_examples=40, deadline=None)
@given(st.text("goodbadfilmnt', .!", max_size=200))
def test_a_compiled_vote_over_words_and_characters_adds_up_for_any_text(text: str) -> None:
    bundle = compiled_vote()
    assert bundle.scorer == "compiled"
    row: Row = {"text": text}
    ((answer, explanation),) = bundle.explain([row])
    members = bundle.contributions(row) or []

    assert explanation.source == "exact"
    assert [answer] == bundle.predict([row])
    assert total(explanation) == pytest.approx(answer.probability, abs=1e-9)
    assert sum(one.weight * one.to_probability(one.baseline) for one in members) == explanation.baseline
    if not explanation.rest_count:
        assert explanation.rest == pytest.approx(0, abs=1e-9)


def test_a_calibrated_vote_adds_up_too() -> None:
    calibrated = [replace(member({"good": 1.5}, weight=0.5), finish=lambda mean: mean**2) for _ in range(2)]
    probability = logistic(1.5) ** 2
    explanation = explain_exactly(calibrated, probability=probability, threshold=0.5)
    assert [part.points for part in explanation.parts] == [pytest.approx(probability - 0.25)]
    assert explanation.rest == pytest.approx(0, abs=1e-12)
