"""Inputs of a prediction, from outside values to checked ones: one validation for API, form and golden samples.

A *row* maps each input's name to its value: `str`, `float`, `int`, `bool`, an aware UTC `datetime`, or None if it is
missing.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from ml_pipeline.errors import InvalidInputs
from ml_pipeline.spec.inputs import (
    LARGEST_NUMBER,
    BooleanInput,
    CategoryInput,
    DatetimeInput,
    InputField,
    IntegerInput,
    NumberInput,
    TextInput,
    as_utc_milliseconds,
)

Value = str | float | int | bool | datetime | None
Row = dict[str, Value]
Check = Callable[[object], Value]
Ordered = TypeVar("Ordered", float, int, datetime)

# `datetime.fromisoformat` takes any character between date and time, also NUL and a lone surrogate.
_MOMENT = re.compile(r"[0-9W-]{7,10}([T ][0-9:.,]+(Z|[+-][0-9:.]+)?)?", re.IGNORECASE)


class Refused(ValueError):
    """A value that an input cannot take: a stable code and a sentence that says what is allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RowValidator:
    """The checks of some inputs, prepared once: a web process validates rows all day."""

    def __init__(self, inputs: Mapping[str, InputField]) -> None:
        self._checks = {name: _check(field) for name, field in inputs.items()}

    def validate(self, rows: Sequence[object]) -> list[Row]:
        """Checked rows, in order. All or nothing: InvalidInputs names every bad field of every bad row."""
        checked: list[Row] = []
        bad: list[dict[str, Any]] = []
        for number, row in enumerate(rows):
            values, faults = self._validated(row)
            if faults:
                bad.append({"row": number, "errors": faults})
            else:
                checked.append(values)
        if bad:
            raise InvalidInputs(
                f"{len(bad)} of {len(rows)} rows cannot be scored."
                if len(rows) > 1
                else "The inputs cannot be scored.",
                advice="Nothing was predicted. Correct the fields named in `details` and send the request again.",
                details={"rows": bad},
            )
        return checked

    def _validated(self, row: object) -> tuple[Row, list[dict[str, str]]]:
        if not isinstance(row, Mapping):
            return {}, [_fault("", "not_an_object", "A row is an object that maps input names to values.")]
        checks = self._checks
        faults = [self._unknown(name) for name in row if name not in checks]
        values: Row = {}
        for name, check in checks.items():
            try:
                values[name] = check(row.get(name))
            except Refused as refusal:
                faults.append(_fault(name, refusal.code, refusal.message))
        return values, faults

    def _unknown(self, name: object) -> dict[str, str]:
        takes = ", ".join(self._checks)
        return _fault(_shown(name), "unknown_input", f"This model has no such input. It takes: {takes}.")


def validate_rows(inputs: Mapping[str, InputField], rows: Sequence[object]) -> list[Row]:
    """Checked rows, as `RowValidator` gives them."""
    return RowValidator(inputs).validate(rows)


def validate_value(field: InputField, value: object) -> Value:
    """The checked value of one input; absent and null both mean missing. Raises Refused."""
    return _check(field)(value)


def jsonable(row: Mapping[str, Value]) -> dict[str, Any]:
    """A checked row as JSON would carry it: moments as ISO 8601 with milliseconds and `Z`."""
    return {name: format_moment(value) if isinstance(value, datetime) else value for name, value in row.items()}


def format_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _check(field: InputField) -> Check:
    """The check of one input, its bounds read once: an attribute of a pydantic model costs more than a comparison."""
    check, default, optional = _CHECKS[type(field)](field), field.default, field.optional

    def checked(value: object) -> Value:
        if value is not None:
            return check(value)
        if default is not None:
            return default
        if optional:
            return None
        raise Refused("missing", "This input is required.")

    return checked


def _text(field: TextInput) -> Check:
    shortest, longest = field.min_length, field.max_length

    def check(value: object) -> str:
        text = _string(value)
        if len(text) > longest:
            raise Refused("too_long", f"{len(text)} characters; at most {longest} are allowed.")
        if len(text) < shortest or (shortest and text.isspace()):
            raise Refused("too_short", f"At least {shortest} characters that are not spaces are needed.")
        return text

    return check


def _category(field: CategoryInput) -> Check:
    words, longest = dict.fromkeys(field.values), field.max_length

    def check(value: object) -> str:
        word = _string(value)
        if words and word not in words:
            raise Refused("not_listed", f"{_shown(word)!r} is not one of: {', '.join(words)}.")
        if len(word) > longest:
            raise Refused("too_long", f"{len(word)} characters; at most {longest} are allowed.")
        return word

    return check


def _number(field: NumberInput) -> Check:
    minimum, maximum = field.minimum, field.maximum

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused("wrong_type", "A number is needed, without quotes.")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise Refused("not_finite", "A finite number is needed.")
        if abs(_within(number, minimum, maximum)) > LARGEST_NUMBER:
            raise Refused("out_of_range", f"A number within ±{LARGEST_NUMBER:g} is needed.")
        return number

    return check


def _integer(field: IntegerInput) -> Check:
    minimum, maximum = field.minimum, field.maximum

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused("wrong_type", "A whole number is needed, without quotes.")
        if isinstance(value, float):
            if not value.is_integer():
                raise Refused("wrong_type", "A whole number is needed.")
            value = int(value)
        return _within(value, minimum, maximum)

    return check


def _boolean(_field: BooleanInput) -> Check:
    def check(value: object) -> bool:
        if not isinstance(value, bool):
            raise Refused("wrong_type", "true or false is needed, without quotes.")
        return value

    return check


def _moment(field: DatetimeInput) -> Check:
    earliest, latest = field.earliest, field.latest

    def check(value: object) -> datetime:
        if isinstance(value, str):
            value = _parsed_moment(_string(value))
        if not isinstance(value, datetime):
            raise Refused("wrong_type", 'A moment in ISO 8601 is needed, as in "2026-03-03T14:00:00Z".')
        try:
            moment = as_utc_milliseconds(value)
        except OverflowError as error:
            raise Refused("out_of_range", "The moment lies outside the years 1 to 9999 in UTC.") from error
        return _within(moment, earliest, latest)

    return check


def _parsed_moment(text: str) -> datetime:
    """ISO 8601, also as RFC 3339 spells it: a small `t` or `z`, or a space between date and time."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError(text)
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise Refused(
            "wrong_type", f'{_shown(text)!r} is not a moment in ISO 8601, as in "2026-03-03T14:00:00Z".'
        ) from error


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("wrong_type", "A string is needed.")
    if "\x00" in value:
        raise Refused("bad_characters", "The character NUL is not allowed.")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Refused("bad_characters", "A lone surrogate is not text.") from error
    return value


def _within(value: Ordered, low: Ordered | None, high: Ordered | None) -> Ordered:
    if low is not None and value < low:
        raise Refused("out_of_range", f"{_plain(value)} is below the minimum {_plain(low)}.")
    if high is not None and value > high:
        raise Refused("out_of_range", f"{_plain(value)} is above the maximum {_plain(high)}.")
    return value


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return format_moment(value)
    return plain_number(value) if abs(value) < 10**30 else "A huge number"


def plain_number(value: float) -> str:
    """Every digit that tells it from its neighbours: a value just beyond a bound does not read like the bound."""
    return str(value).removesuffix(".0")


def _shown(text: object) -> str:
    """Foreign text fit for an error: short, and encodable."""
    clean = str(text).encode("utf-8", "backslashreplace").decode()
    return clean if len(clean) <= 60 else clean[:57] + "..."


def _fault(field: str, code: str, message: str) -> dict[str, str]:
    return {"field": field, "code": code, "message": message}


_CHECKS: dict[type, Callable[[Any], Check]] = {
    TextInput: _text,
    CategoryInput: _category,
    NumberInput: _number,
    IntegerInput: _integer,
    BooleanInput: _boolean,
    DatetimeInput: _moment,
}
