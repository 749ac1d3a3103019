"""Would a candidate refuse inputs that the champion accepts? Read from the two declarations, no row is needed.

A row that the champion accepts and the candidate refuses has at least one field that is named here.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from ml_pipeline.inputs import Refused, format_moment, validate_value
from ml_pipeline.spec.inputs import (
    CategoryInput,
    DatetimeInput,
    InputField,
    IntegerInput,
    NumberInput,
    TextInput,
)

_SHOWN_VALUES = 5
_TEXTS = (TextInput, CategoryInput)
_NUMBERS = (NumberInput, IntegerInput)
_FIRST_MOMENT, _LAST_MOMENT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_DECLARED: TypeAdapter[dict[str, InputField]] = TypeAdapter(dict[str, InputField])


@dataclass(frozen=True)
class Incompatibility:
    """A field of which the candidate refuses what the champion accepts: a stable code, and a sentence that says why."""

    field: str
    code: str
    message: str


def declared_inputs(spec: Mapping[str, Any]) -> dict[str, InputField]:
    """The typed inputs of a spec as it stands in a bundle."""
    return _DECLARED.validate_python(spec.get("inputs", {}))


def incompatibilities(
    champion: Mapping[str, InputField], candidate: Mapping[str, InputField]
) -> tuple[Incompatibility, ...]:
    """Every such field, in the champion's order and then the candidate's; several reasons are several entries."""
    found = [
        Incompatibility(name, code, message)
        for name, old in champion.items()
        for code, message in _refused(old, candidate.get(name))
    ]
    added = [
        Incompatibility(name, "new_required", "It is new and required: callers of the champion do not send it.")
        for name, new in candidate.items()
        if name not in champion and not new.may_be_missing
    ]
    return (*found, *added)


def _refused(old: InputField, new: InputField | None) -> Iterator[tuple[str, str]]:
    if new is None:
        yield "removed", "The candidate does not take it, and an input that a model does not take is refused."
        return
    if old.may_be_missing and not new.may_be_missing:
        yield "now_required", "It may be left out today, and the candidate requires it."
    if isinstance(old, _TEXTS) and isinstance(new, _TEXTS):
        yield from _narrower_text(old, new)
    elif isinstance(old, _NUMBERS) and isinstance(new, _NUMBERS):
        yield from _narrower_number(old, new)
    elif isinstance(old, DatetimeInput) and isinstance(new, DatetimeInput):
        yield from _narrower(*_moments(old), *_moments(new))
    elif old.type != new.type:
        yield "other_type", f"It is {old.type} today and {new.type} in the candidate."


def _narrower_text(old: TextInput | CategoryInput, new: TextInput | CategoryInput) -> Iterator[tuple[str, str]]:
    if isinstance(old, CategoryInput) and old.values:
        lost = [value for value in old.values if _accepts(old, value) and not _accepts(new, value)]
        if lost:
            more = f" and {len(lost) - _SHOWN_VALUES} more" if len(lost) > _SHOWN_VALUES else ""
            yield "fewer_values", f"The candidate refuses {', '.join(map(repr, lost[:_SHOWN_VALUES]))}{more}."
        return
    if isinstance(new, CategoryInput) and new.values:
        yield "now_closed", f"Any words are taken today, the candidate takes {len(new.values)} listed ones."
        return
    if new.max_length < old.max_length:
        yield "shorter", f"At most {old.max_length} characters are taken today, {new.max_length} by the candidate."
    if _least_length(new) > _least_length(old):
        yield "longer", f"{_least_length(old)} characters are enough today, the candidate needs {_least_length(new)}."


def _narrower_number(old: NumberInput | IntegerInput, new: NumberInput | IntegerInput) -> Iterator[tuple[str, str]]:
    if isinstance(old, NumberInput) and isinstance(new, IntegerInput):
        yield "whole_numbers", "Any number is taken today, whole ones alone by the candidate."
    low, high = _numbers(new)
    if isinstance(old, IntegerInput) and isinstance(new, NumberInput):
        low, high = max(low, -sys.float_info.max), min(high, sys.float_info.max)
    yield from _narrower(*_numbers(old), low, high)


def _narrower(old_low: Any, old_high: Any, low: Any, high: Any) -> Iterator[tuple[str, str]]:
    if low > old_low:
        yield "higher_minimum", f"The candidate takes nothing below {_shown(low)}."
    if high < old_high:
        yield "lower_maximum", f"The candidate takes nothing above {_shown(high)}."


def _numbers(field: NumberInput | IntegerInput) -> tuple[float, float]:
    return _bound(field.minimum, -math.inf), _bound(field.maximum, math.inf)


def _bound(declared: float | None, absent: float) -> float:
    """NaN bounds nothing: no number is below or above it."""
    return absent if declared is None or declared != declared else declared


def _moments(field: DatetimeInput) -> tuple[datetime, datetime]:
    return field.earliest or _FIRST_MOMENT, field.latest or _LAST_MOMENT


def _least_length(field: TextInput | CategoryInput) -> int:
    return field.min_length if isinstance(field, TextInput) else 0


def _accepts(field: InputField, value: str) -> bool:
    try:
        validate_value(field, value)
    except Refused:
        return False
    return True


def _shown(bound: Any) -> str:
    if isinstance(bound, datetime):
        return format_moment(bound)
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
