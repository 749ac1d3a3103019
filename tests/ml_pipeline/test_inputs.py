"""Values from outside: what an input takes, and how it says what it does not take."""

from datetime import UTC, datetime

import pytest

from ml_pipeline.inputs import Refused, validate_value
from ml_pipeline.spec.inputs import DatetimeInput, NumberInput


@pytest.mark.parametrize(
    "text",
    ["2002-09-25T10:00:00Z", "2002-09-25t10:00:00z", "2002-09-25 10:00", "20020925T100000", "2002-W39-3T12:00+02:00"],
)
def test_a_moment_may_be_spelled_as_iso_8601_and_rfc_3339_allow(text: str) -> None:
    assert validate_value(DatetimeInput(type="datetime"), text) == datetime(2002, 9, 25, 10, tzinfo=UTC)


@pytest.mark.parametrize("between", ["\x00", "\ud800", "é", "x", "_"], ids=ascii)
def test_nothing_else_may_stand_between_date_and_time(between: str) -> None:
    with pytest.raises(Refused):
        validate_value(DatetimeInput(type="datetime"), f"2002-09-25{between}10:00")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1234567.25, "1234567.25 is above the maximum 1234567."),
        (-1e-9, "-1e-09 is below the minimum 0."),
        (10**200, "A huge number is above the maximum 1234567."),
    ],
)
def test_a_value_beyond_a_bound_is_told_apart_from_it(value: float, message: str) -> None:
    with pytest.raises(Refused, match=f"^{message}$"):
        validate_value(NumberInput(type="number", minimum=0, maximum=1234567), value)


def test_a_number_that_would_overflow_in_a_model_is_refused_without_a_declared_bound() -> None:
    assert validate_value(NumberInput(type="number"), 1e100) == 1e100
    with pytest.raises(Refused, match="within ±1e"):
        validate_value(NumberInput(type="number"), -1.1e100)
