"""Which inputs of the champion a candidate would refuse: each case by name, and soundness against the validators."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ml_pipeline.compatibility import incompatibilities
from ml_pipeline.errors import InvalidInputs
from ml_pipeline.inputs import validate_rows
from ml_pipeline.spec.inputs import InputField

INPUTS: TypeAdapter[dict[str, InputField]] = TypeAdapter(dict[str, InputField])


def found(champion: dict[str, Any], candidate: dict[str, Any]) -> list[tuple[str, str]]:
    differences = incompatibilities(INPUTS.validate_python(champion), INPUTS.validate_python(candidate))
    return [(difference.field, difference.code) for difference in differences]


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        ({"type": "text", "optional": True}, {"type": "text"}, ["now_required"]),
        ({"type": "text", "optional": True}, {"type": "text", "default": "none"}, []),
        ({"type": "text"}, {"type": "text", "max_length": 10}, ["shorter"]),
        ({"type": "text", "min_length": 0}, {"type": "text"}, ["longer"]),
        ({"type": "text"}, {"type": "category"}, ["shorter"]),
        ({"type": "category"}, {"type": "category", "values": ["a"]}, ["now_closed"]),
        ({"type": "category", "values": ["a", "b"]}, {"type": "category", "values": ["b", "c"]}, ["fewer_values"]),
        ({"type": "category", "values": ["a", "b"]}, {"type": "category", "values": ["a", "b", "c"]}, []),
        ({"type": "category", "values": ["a", "b"]}, {"type": "text"}, []),
        ({"type": "number"}, {"type": "number", "minimum": 0}, ["higher_minimum"]),
        ({"type": "number", "minimum": 0}, {"type": "number", "minimum": -1, "maximum": 9}, ["lower_maximum"]),
        ({"type": "number"}, {"type": "integer"}, ["whole_numbers", "higher_minimum", "lower_maximum"]),
        ({"type": "integer"}, {"type": "number"}, []),
        ({"type": "boolean"}, {"type": "category"}, ["other_type"]),
        ({"type": "datetime"}, {"type": "datetime", "earliest": "2020-01-01"}, ["higher_minimum"]),
        ({"type": "boolean"}, {"type": "boolean"}, []),
    ],
)
def test_a_changed_field_is_named_with_what_it_refuses(
    old: dict[str, Any], new: dict[str, Any], codes: list[str]
) -> None:
    assert found({"field": old}, {"field": new}) == [("field", code) for code in codes]


def test_a_removed_and_a_new_required_field_are_named_and_a_new_optional_one_is_not() -> None:
    number = {"type": "number"}
    candidate = {"kept": number, "new": number, "extra": {**number, "optional": True}}

    assert found({"kept": number, "gone": number}, candidate) == [("gone", "removed"), ("new", "new_required")]


WORDS = st.text(st.sampled_from("ab \x00"), max_size=4)
NUMBERS = st.integers(-4, 4) | st.sampled_from([0.5, -0.5, 2.0**53, -(2.0**53), 1e308, 10**309, -(10**309)])
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2020, 1, 3), timezones=st.none() | st.just(UTC))  # noqa: DTZ001
VALUES = st.none() | st.booleans() | WORDS | NUMBERS | MOMENTS | MOMENTS.map(datetime.isoformat)


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={"optional": st.booleans(), **keys})


def typed(name: str, **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return optional(**keys).map(lambda block: {"type": name, **block})


BOUNDS = NUMBERS.filter(lambda value: abs(value) < 10**308) | st.sampled_from(
    [float("nan"), float("inf"), -float("inf")]
)
WHOLE = st.integers(-4, 4) | st.sampled_from([2**53, -(2**53), 10**309, -(10**309)])
FIELDS = st.one_of(
    typed("text", min_length=st.integers(0, 3), max_length=st.integers(1, 4), default=WORDS),
    typed("category", values=st.lists(WORDS, max_size=3), max_length=st.integers(1, 4)),
    typed("number", minimum=BOUNDS, maximum=BOUNDS),
    typed("integer", minimum=WHOLE, maximum=WHOLE),
    typed("boolean", default=st.booleans()),
    typed("datetime", earliest=MOMENTS, latest=MOMENTS),
)


def parsed(block: dict[str, Any]) -> dict[str, InputField]:
    try:
        return INPUTS.validate_python(block)
    except ValueError:
        assume(False)
        raise


def refused_fields(inputs: dict[str, InputField], row: dict[str, Any]) -> set[str]:
    try:
        validate_rows(inputs, [row])
    except InvalidInputs as error:
        return {fault["field"] for fault in error.details["rows"][0]["errors"]}
    return set()


@settings(max_examples=300, deadline=None)
@given(
    champion=st.dictionaries(st.sampled_from("xy"), FIELDS, min_size=1),
    candidate=st.dictionaries(st.sampled_from("xy"), FIELDS, min_size=1),
    row=st.dictionaries(st.sampled_from("xy"), VALUES),
)
@example(
    champion={"x": {"type": "integer", "maximum": 10**400}}, candidate={"x": {"type": "number"}}, row={"x": 10**309}
)
@example(
    champion={"x": {"type": "number", "maximum": float("nan")}},
    candidate={"x": {"type": "number", "maximum": 3}},
    row={"x": 4},
)
def test_a_row_that_only_the_champion_accepts_has_a_named_field(
    champion: dict[str, Any], candidate: dict[str, Any], row: dict[str, Any]
) -> None:
    old, new = parsed(champion), parsed(candidate)
    named = {difference.field for difference in incompatibilities(old, new)}

    if not refused_fields(old, row):
        assert refused_fields(new, row) <= named
