import re
from pathlib import Path
from typing import Any, get_args

import pytest

from ml_pipeline.errors import InvalidSpec, UnknownModel
from ml_pipeline.learning.estimators import ENSEMBLES, FAMILIES
from ml_pipeline.params import declared_models, load_spec
from ml_pipeline.spec.sections import Family
from tests.ml_pipeline.declared import MODEL, block, declare, spec


def test_a_bare_date_is_refused_with_its_place_and_its_remedy(tmp_path: Path) -> None:
    declare(tmp_path, [], split={"by": "time", "field": "sent_at", "from": "DATE"})
    path = tmp_path / "params.yaml"
    path.write_text(path.read_text().replace("DATE", "2002-09-01"))
    with pytest.raises(InvalidSpec, match=r"models\.tickets\.split\.from = 2002-09-01") as caught:
        load_spec(MODEL, path)
    assert caught.value.advice == 'Quote it: "2002-09-01".'
    path.write_text(path.read_text().replace("2002-09-01", "'2002-09-01'"))
    assert load_spec(MODEL, path).split.start is not None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attributes": {"label": {"type": "category"}}}, "'label'"),
        ({"inputs": {**block()["inputs"], "later": {"type": "boolean"}}}, "'later'"),
        ({"attributes": {"kind": {"type": "category"}}}, "target 'kind'"),
    ],
)
def test_a_column_that_the_pipeline_writes_itself_cannot_be_declared(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        spec(**changes)


def test_a_model_that_is_not_declared_is_named_beside_those_that_are(tmp_path: Path) -> None:
    declare(tmp_path, [])
    assert declared_models(tmp_path / "params.yaml") == [MODEL]
    with pytest.raises(UnknownModel, match="Declared are: tickets"):
        load_spec("cinema", tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decision": {"speed": 1}}, "models.tickets.decision: 'speed' cannot stand here; allowed are objective, "),
        ({"extra": {}}, "models.tickets: 'extra' cannot stand here; allowed are about, source, "),
        ({"split": {"start": "2002-09-01"}}, "models.tickets.split: 'start' cannot stand here; allowed are by, "),
        (
            {"inputs": {"price": {"type": "number", "minimum": "low"}}},
            "models.tickets.inputs.price.minimum = 'low': Input should be a valid number",
        ),
        (
            {"inputs": {"price": {"type": "number", "minimum": float("nan")}}},
            "models.tickets.inputs.price.minimum = nan: Input should be a finite number",
        ),
        (
            {"inputs": {"price": {"type": "money"}}},
            "models.tickets.inputs.price: `type` must be one of text, number, integer, category, boolean, datetime",
        ),
        ({"inputs": {"price": {}}}, "models.tickets.inputs.price: `type` must be one of text, number, "),
        (
            {"inputs": {"colour": {"type": "category", "values": 5}}},
            "models.tickets.inputs.colour.values = 5: Input should be",
        ),
        ({"rollout": {"label_minutes": 10_081}}, "models.tickets.rollout.label_minutes = 10081: Input should be less"),
        (
            {"rollout": {"label_minutes": 120, "watch_hours": 2}},
            "models.tickets.rollout: label_minutes has to be less than watch_hours, 120 minutes, or no label",
        ),
        ({"decision": {"require": {"speed": 1}}}, "models.tickets.decision.require.speed: Input should be 'acc"),
    ],
)
def test_a_wrong_key_or_value_is_named_as_it_stands_in_the_file_beside_what_is_allowed(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        spec(**changes)
    assert any(problem.startswith(message) for problem in caught.value.details["problems"]), caught.value.details


@pytest.mark.parametrize(
    "changes",
    [
        {"contract": {"minimum_rows": True}},
        {"contract": {"minimum_rows": "500"}},
        {"contract": {"quarantine_share": "0.1"}},
        {"contract": {"maximum_missing": {"text": True}}},
        {"decision": {"objective": "cost", "false_positive": True}},
        {"evaluation": {"bootstrap": "1000"}},
        {"promotion": {"four_eyes": "no"}},
        {"promotion": {"four_eyes": 0}},
        {"promotion": {"floors": {"f1": True}}},
        {"split": {"held_out": "0.2"}},
        {"inputs": {**block()["inputs"], "price": {"type": "number", "optional": "yes"}}},
        {"inputs": {**block()["inputs"], "price": {"type": "number", "minimum": "0"}}},
        {"inputs": {**block()["inputs"], "price": {"type": "integer", "maximum": True}}},
        {"inputs": {**block()["inputs"], "sent_at": {"type": "datetime", "earliest": 2002}}},
        {"split": {"by": "time", "field": "sent_at", "from": "2002"}},
        {"target": {"field": "kind", "labels": [True, False], "positive": "True"}},
    ],
    ids=str,
)
def test_a_value_of_another_kind_is_refused_although_it_could_be_read_as_the_right_one(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec, match=r"should be a valid|a moment is written like|quote it"):
        spec(**changes)


def test_a_whole_number_is_a_number() -> None:
    assert spec(decision={"objective": "cost", "false_positive": 10}).decision.false_positive == 10.0


LOGISTIC, RIDGE = {"family": "logistic_regression"}, {"family": "ridge", "calibration": "sigmoid"}


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ({"family": "quantum_forest"}, r"estimator\.family = 'quantum_forest': Input should be 'logistic"),
        ({"family": "voting", "members": [LOGISTIC]}, "needs at least two `members`"),
        ({"family": "ridge", "calibration": "sigmoid", "members": [LOGISTIC, RIDGE]}, "ridge is not an ensemble"),
        ({"family": "ridge"}, "ridge gives scores, not probabilities: set `calibration: sigmoid`"),
        ({"family": "voting", "members": [LOGISTIC, {"family": "linear_svm"}]}, r"members\.1: linear_svm gives scores"),
        ({"family": "voting", "members": [LOGISTIC, RIDGE], "weights": [1, 2, 3]}, "as many `weights`"),
        ({"family": "voting", "members": [LOGISTIC, RIDGE], "weights": [0, 0]}, "not all of them 0"),
        ({"family": "stacking", "members": [LOGISTIC, RIDGE], "weights": [1, 2]}, "stacking has no `weights`"),
    ],
)
def test_an_estimator_that_cannot_be_is_refused_before_anything_runs(estimator: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        spec(estimator=estimator)


def test_the_families_that_a_declaration_may_name_are_those_that_can_be_built() -> None:
    assert set(get_args(Family)) == FAMILIES.keys() | ENSEMBLES


NUMBERS = {"field": "kind", "positive": "high"}
THREE = {"field": "kind", "labels": ["good", "bad", "odd"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"inputs": {"price": {"type": "number", "maximum": 9, "default": 10}}},
            "default 10.0 is not from None to 9.0",
        ),
        ({"inputs": {"text": {"type": "text", "min_length": 9, "max_length": 5}}}, "lower bound 9 is above"),
        ({"inputs": {"text": {"type": "text", "default": ""}}}, "default has 0 characters, not 1 to 20000"),
        ({"inputs": {"colour": {"type": "category", "values": ["red", "red"]}}}, "values repeat"),
        (
            {"target": {**NUMBERS, "labels": {"high": {"above": 0}, "low": {"below": 1}}}},
            "'high' and 'low' claim the same",
        ),
        (
            {"target": {**NUMBERS, "labels": {"high": {"above": 2, "below": 1}, "low": {"below": 1}}}},
            "no number is above",
        ),
        (
            {"target": {**NUMBERS, "labels": {"high": {"equals": "1"}, "low": {"equals": "1"}}}},
            "'high' and 'low' claim the same",
        ),
        ({"split": {"by": "hash", "field": "sent_at", "from": "2026-01-01"}}, "by hash takes neither"),
        (
            {"split": {"backtest": {"field": "sent_at", "from": "2026-01-01", "latest": "2025-01-01T00:00:00Z"}}},
            "split.backtest: the lower bound",
        ),
        (
            {"source": {"collection": "x", "window": {"field": "sent_at", "from": "2026-02-01", "to": "2026-01-01"}}},
            "source.window: the lower bound",
        ),
        ({"source": {"collection": "x", "window": {"field": "sent_at"}}}, "a window needs `from` or `to`"),
        ({"decision": {"objective": "cost", "false_positive": 0, "false_negative": 0}}, "needs a `false_positive`"),
        ({"target": THREE, "decision": {"require": {"recall": 0.9}}}, "decision.require is for two labels"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        spec(**changes)


def test_neighbouring_ranges_may_leave_a_number_out_but_share_none() -> None:
    ratings = {"labels": {"high": {"above": 0}, "low": {"below": 0}}}
    assert spec(target={**NUMBERS, **ratings}).target.label_of(0.0) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models:\n\ttickets: {}\n", r"found character '\\t' that cannot start any token at line 2, column 1\.$"),
        ("models:\n  a: {}\n  a: {}\n", r'found duplicate key "a" .* at line 3, column 3\.$'),
        ("models: [\n", r"at line 2, column 1\.$"),
        ("models: \x07\n", "unacceptable character"),
        ("models: {}\n", "has no `models:` mapping"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InvalidSpec) as caught:
        declared_models(path)
    assert re.search(message, caught.value.message)
