"""JSON Schema of a model's inputs, so that a row which fits it is a row that `ModelBundle.validate` takes."""

from collections.abc import Callable, Mapping
from typing import Any

from ml_pipeline.spec import (
    BooleanInput,
    CategoryInput,
    DatetimeInput,
    InputField,
    IntegerInput,
    NumberInput,
    TextInput,
)
from ml_pipeline.spec.inputs import LARGEST_NUMBER

_NO_NUL = "^[^\\u0000]*$"
_SOME_WORD = "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"

Schema = dict[str, Any]


def row_schema(inputs: Mapping[str, InputField]) -> Schema:
    """One row: every input by name, nothing else."""
    return {
        "type": "object",
        "properties": {name: input_schema(field) for name, field in inputs.items()},
        "required": [name for name, field in inputs.items() if not field.may_be_missing],
        "additionalProperties": False,
    }


def input_schema(field: InputField) -> Schema:
    """One input. Where it may be missing, null is as good as leaving it out."""
    schema = {"title": field.title, "description": field.help, **_SCHEMAS[type(field)](field)}
    if field.default is not None:
        schema["default"] = field.model_dump(mode="json")["default"]
    if field.may_be_missing:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return {key: value for key, value in schema.items() if value not in ("", None)}


def _text(field: TextInput) -> Schema:
    pattern = _SOME_WORD if field.min_length else _NO_NUL
    return {"type": "string", "minLength": field.min_length, "maxLength": field.max_length, "pattern": pattern}


def _category(field: CategoryInput) -> Schema:
    if field.values:
        return {"type": "string", "enum": list(field.values)}
    return {"type": "string", "maxLength": field.max_length, "pattern": _NO_NUL}


def _number(field: NumberInput) -> Schema:
    low, high = field.minimum, field.maximum
    return {
        "type": "number",
        "minimum": -LARGEST_NUMBER if low is None else low,
        "maximum": LARGEST_NUMBER if high is None else high,
    }


def _integer(field: IntegerInput) -> Schema:
    return {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}


def _moment(field: DatetimeInput) -> Schema:
    return {"type": "string", "format": "date-time"}


_SCHEMAS: dict[type, Callable[[Any], Schema]] = {
    TextInput: _text,
    CategoryInput: _category,
    NumberInput: _number,
    IntegerInput: _integer,
    BooleanInput: lambda _: {"type": "boolean"},
    DatetimeInput: _moment,
}
