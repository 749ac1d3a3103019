"""What is compiled answers as the scikit-learn pipeline does, whatever is asked; what cannot be is not compiled."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.model_bundle import TOLERANCE
from ml_pipeline.inputs import Row
from ml_pipeline.spec import Estimator, FeatureBlock
from tests.ml_pipeline.bundle.compiled.pairs import Pair, any_row, fitted_pair, training_rows

SVM = Estimator(family="linear_svm", calibration="sigmoid")
LOGISTIC = Estimator(family="logistic_regression", params={"max_iter": 300})
BAYES = Estimator(family="multinomial_naive_bayes")
FAMILIES = {
    "logistic_regression": LOGISTIC,
    "unpenalised": Estimator(family="logistic_regression", params={"fit_intercept": False, "max_iter": 300}),
    "linear_svm": SVM,
    "ridge": Estimator(family="ridge", calibration="isotonic"),
    "sgd": Estimator(family="sgd", params={"loss": "log_loss"}),
    "huber": Estimator(family="sgd", params={"loss": "modified_huber"}),
    "hinge": Estimator(family="sgd", calibration="sigmoid"),
    "multinomial": BAYES,
    "complement": Estimator(family="complement_naive_bayes"),
    "bernoulli": Estimator(family="bernoulli_naive_bayes"),
    "calibrated_bayes": Estimator(family="multinomial_naive_bayes", calibration="isotonic"),
    "voting": Estimator(family="voting", members=(SVM, BAYES), weights=(1.0, 2.0)),
    "bernoulli_vote": Estimator(family="voting", members=(LOGISTIC, Estimator(family="bernoulli_naive_bayes"))),
    "calibrated_voting": Estimator(family="voting", members=(SVM, BAYES), calibration="sigmoid"),
    "isotonic_voting": Estimator(family="voting", members=(LOGISTIC, BAYES), calibration="isotonic"),
}


def block(kind: Any, *columns: str, **params: Any) -> FeatureBlock:
    return FeatureBlock(kind=kind, columns=columns, params=params)


WORD_BLOCK = block("word_ngrams", "text", ngrams=[1, 2], sublinear_tf=True)
NGRAMS = {
    "words": WORD_BLOCK,
    "two columns": block("word_ngrams", "title", "text", ngrams=[2, 3]),
    "three words": block("word_ngrams", "text", ngrams=[3, 3], norm="l1"),
    "no short ones": block("word_ngrams", "text", ngrams=[1, 3], max_df=0.5, min_df=2),
    "signs": block("word_ngrams", "title", "text", token_pattern=r"\b\w+\b|[^\w\s]", ngrams=[1, 2], sublinear_tf=True),
    "a group": block("word_ngrams", "text", token_pattern=r"(\w)\w*", norm="l1", ngrams=[1, 3]),
    "cased": block("word_ngrams", "text", lowercase=False, norm=None, smooth_idf=False),
    "accents": block("word_ngrams", "text", strip_accents="unicode", binary=True),
    "ascii": block("char_ngrams", "text", strip_accents="ascii", ngrams=[1, 2], norm="l1", sublinear_tf=True),
    "stopped": block("word_ngrams", "text", stop_words=["good", "very"], ngrams=[1, 2]),
    "within words": block("char_ngrams", "text", ngrams=[2, 5], sublinear_tf=True),
    "long pieces": block("char_ngrams", "text", ngrams=[6, 8]),
    "across words": block("char_ngrams", "text", analyzer="char", ngrams=[1, 3], min_df=2),
    "a few": block("word_ngrams", "text", max_features=5, max_df=0.9, binary=True, norm=None),
}
SPLINES = {"impute": "mean", "missing_indicator": True}
TABLES = {
    "plain": block("numeric", "size", "width", missing_indicator=True, impute="constant"),
    "unscaled": block("numeric", "size", scale=False),
    "steps": block("numeric", "size", "width", splines={"degree": 1, "n_knots": 7, "knots": "quantile"}),
    "cubic": block("numeric", "size", "width", splines={"n_knots": 5}, **SPLINES),
    "quadratic": block("numeric", "size", splines={"degree": 2, "extrapolation": "linear", "include_bias": False}),
    "straight on": block("numeric", "size", splines={"degree": 1, "extrapolation": "linear"}),
    "curved on": block("numeric", "size", "width", splines={"extrapolation": "continue"}),
    "round": block("numeric", "size", splines={"extrapolation": "periodic"}),
    "bins": block("numeric", "size", "width", bins={"n_bins": 4, "encode": "onehot-dense"}),
    "ranks": block("numeric", "size", bins={"n_bins": 3, "encode": "ordinal"}),
    "powers": block("numeric", "size", polynomial={"degree": 3}),
    "words": block("one_hot", "colour", "paid"),
    "dropped": block("one_hot", "colour", "paid", drop="first", scale=True),
    "if binary": block("one_hot", "colour", "paid", drop="if_binary"),
    "rare": block("one_hot", "colour", min_frequency=10),
    "ignored": block("one_hot", "colour", handle_unknown="ignore", min_frequency=10),
    "ordered": block("ordinal", "colour", "paid", unknown_value=-2, scale=True),
    "boolean": block("boolean", "paid"),
    "moments": block("datetime_parts", "at", parts=["hour", "month"]),
}
DENSE = {"plain": LOGISTIC, "discriminant": Estimator(family="linear_discriminant")}
rows = st.lists(any_row, min_size=1, max_size=4)


@cache
def family(name: str, classes: int) -> Pair:
    return fitted_pair([WORD_BLOCK, NGRAMS["within words"]], FAMILIES[name], classes=classes)


@cache
def ngrams(name: str) -> Pair:
    return fitted_pair([NGRAMS[name]], SVM, cleaning={"text": ["strip_html", "mark_negation"]})


@cache
def table(name: str) -> Pair:
    return fitted_pair([TABLES[name]], LOGISTIC, classes=3)


@cache
def mixed(name: str) -> Pair:
    blocks = [TABLES["cubic"], TABLES["words"], TABLES["moments"]]
    return fitted_pair(blocks if name == "discriminant" else [*blocks, WORD_BLOCK], DENSE[name])


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", FAMILIES)
@given(asked=rows)
@settings(max_examples=8, deadline=None)
def test_every_linear_family_answers_as_the_pipeline(name: str, classes: int, asked: list[Row]) -> None:
    assert family(name, classes).difference(asked) <= TOLERANCE


@pytest.mark.parametrize("name", NGRAMS)
@given(asked=rows)
@settings(max_examples=12, deadline=None)
def test_every_way_to_take_n_grams_answers_as_the_pipeline(name: str, asked: list[Row]) -> None:
    pair = ngrams(name)
    assert pair.difference(asked) <= TOLERANCE
    assert pair.compiled.probabilities(asked) == [pair.compiled.probabilities([row])[0] for row in asked]


def test_more_text_than_is_read_at_once_answers_row_by_row() -> None:
    compiled = ngrams("words").compiled
    asked = [{**row, "text": f"{row['text']} " * 400} for row in training_rows(2)[0]]
    assert sum(len(str(row["text"])) for row in asked) > 200_000
    assert compiled.probabilities(asked) == [compiled.probabilities([row])[0] for row in asked]


@pytest.mark.parametrize("name", TABLES)
@given(asked=rows)
@settings(max_examples=12, deadline=None)
def test_every_block_of_a_table_answers_as_the_pipeline(name: str, asked: list[Row]) -> None:
    assert table(name).difference([*asked, *training_rows(3)[0]]) <= TOLERANCE


@pytest.mark.parametrize("name", DENSE)
@given(asked=rows)
@settings(max_examples=8, deadline=None)
def test_blocks_of_several_kinds_add_up(name: str, asked: list[Row]) -> None:
    assert mixed(name).difference(asked) <= TOLERANCE
    assert [mixed(name).compiled.unknown(row) for row in asked] == [mixed(name).pipeline.unknown(row) for row in asked]


@pytest.mark.parametrize(
    ("blocks", "estimator", "reason"),
    [
        ([WORD_BLOCK], Estimator(family="random_forest", params={"n_estimators": 2}), "RandomForestClassifier"),
        ([WORD_BLOCK], Estimator(family="stacking", members=(SVM, BAYES)), "StackingClassifier"),
        ([block("word_ngrams", "text", stop_words="english")], SVM, "stop words"),
        ([block("word_ngrams", "text", token_pattern=r"\w+ \w+")], SVM, "token pattern"),
        ([block("numeric", "size", "width", polynomial={"degree": 2})], SVM, "polynomial"),
        ([block("one_hot", "colour")], Estimator(family="bernoulli_naive_bayes"), "BernoulliNB"),
        ([block("numeric", "width", impute="none")], SVM, "imputation"),
    ],
    ids=[
        "trees",
        "stacking",
        "scikit-learn's words",
        "tokens with blanks",
        "interactions",
        "presence in a table",
        "not imputed",
    ],
)
def test_what_is_no_sum_is_not_compiled_and_says_why(
    blocks: list[FeatureBlock], estimator: Estimator, reason: str
) -> None:
    with pytest.raises(NotCompilable, match=reason):
        fitted_pair(blocks, estimator)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", FAMILIES)
@given(row=any_row)
@settings(max_examples=6, deadline=None)
def test_contributions_add_up_to_the_score_and_the_probability(name: str, classes: int, row: Row) -> None:
    compiled = family(name, classes).compiled
    (probabilities,) = compiled.probabilities([row])
    _, members = compiled.contributions(row)
    assert len(members[0].features) == len(members[0].contributions)
    for member in members:
        assert member.baseline + member.contributions.sum() == pytest.approx(member.score, abs=1e-9)
    mean = sum(member.weight * member.to_probability(member.score) for member in members)
    asked = int(members[0].label)
    assert members[0].finish(mean) == pytest.approx(probabilities[asked], abs=1e-9)
    assert asked == 1 if classes == 2 else probabilities[asked] == max(probabilities)


def test_a_column_of_a_table_contributes_under_its_name() -> None:
    _, (member,) = mixed("plain").compiled.contributions(training_rows(2)[0][1])
    assert [one.fields for one in member.features if one.term is None] == [
        ("size",),
        ("width",),
        ("colour",),
        ("paid",),
        ("at",),
    ]
    assert {one.fields for one in member.features if one.term} == {("text",)}
