"""Between a browser's texts and a row: fields made from the input spec, values as the API would get them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_pipeline.inputs import plain_number
from ml_pipeline.spec import (
    BooleanInput,
    CategoryInput,
    DatetimeInput,
    InputField,
    IntegerInput,
    NumberInput,
    TextInput,
)

LONG_TEXT = 500  # characters from which a text gets a box of several lines

_WORDS = {True: "yes", False: "no"}
_NOT_OF_TYPE = {"number": "This is not a number.", "integer": "This is not a whole number."}


@dataclass(frozen=True, slots=True)
class FormField:
    """One input as the template shows it. `widget` is text, textarea, number, datetime-local or select."""

    name: str
    label: str
    help: str
    widget: str
    value: str
    error: str
    required: bool
    choices: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def described_by(self) -> str:
        """Ids of the texts that a screen reader reads with the field."""
        parts = [("error", self.error), ("help", self.help)]
        return " ".join(f"{part}-{self.name}" for part, text in parts if text)


def form_fields(
    inputs: Mapping[str, InputField], texts: Mapping[str, str], errors: Mapping[str, str]
) -> list[FormField]:
    """A field an input, in the declared order."""
    return [_field(name, field, texts.get(name, ""), errors.get(name, "")) for name, field in inputs.items()]


def row_of_texts(inputs: Mapping[str, InputField], texts: Mapping[str, str]) -> dict[str, Any]:
    """The row that the texts mean. An empty text is a missing value; one that cannot be read stays for validation."""
    return {name: _VALUES[type(field)](texts[name]) for name, field in inputs.items() if texts.get(name)}


def texts_of_row(inputs: Mapping[str, InputField], row: Mapping[str, Any]) -> dict[str, str]:
    """The texts that show a row, for examples: the opposite of `row_of_texts`."""
    return {name: _text_of(field, row[name]) for name, field in inputs.items() if row.get(name) is not None}


def shown_fault(inputs: Mapping[str, InputField], fault: Mapping[str, str]) -> str:
    """A validation fault for a person at a form, who types no quotes."""
    field = inputs.get(fault["field"])
    if field is not None and fault["code"] == "wrong_type":
        return _NOT_OF_TYPE.get(field.type, fault["message"])
    return fault["message"]


def _field(name: str, field: InputField, value: str, error: str) -> FormField:
    widget, choices, attributes = _WIDGETS[type(field)](field)
    return FormField(
        name,
        title_of(name, field),
        field.help,
        widget,
        value,
        error,
        not field.may_be_missing,
        choices,
        tuple(attributes.items()),
    )


def title_of(name: str, field: InputField) -> str:
    return field.title or name.replace("_", " ").capitalize()


def _text_of(field: InputField, value: Any) -> str:
    if isinstance(value, bool):
        return _WORDS[value]
    if isinstance(field, DatetimeInput):
        return str(value).removesuffix("Z").removesuffix(".000")
    return str(value)


def _number(text: str) -> Any:
    try:
        return float(text) if "_" not in text else text
    except ValueError:
        return text


def _integer(text: str) -> Any:
    try:
        return int(text) if "_" not in text else text
    except ValueError:
        return _number(text)


def _boolean(text: str) -> Any:
    return {word: value for value, word in _WORDS.items()}.get(text, text)


def _lines(text: str) -> str:
    """Browsers send line breaks as CR LF; the documents, and callers of the API, have LF."""
    return text.replace("\r\n", "\n")


_VALUES: dict[type, Callable[[str], Any]] = {
    TextInput: _lines,
    CategoryInput: str,
    NumberInput: _number,
    IntegerInput: _integer,
    BooleanInput: _boolean,
    DatetimeInput: str,
}

_Widget = tuple[str, tuple[str, ...], dict[str, str]]


def _text_widget(field: TextInput) -> _Widget:
    """No `maxlength`: a browser cuts a pasted text there in silence, and counts UTF-16 units, not characters."""
    return "textarea" if field.max_length > LONG_TEXT else "text", (), {}


def _category_widget(field: CategoryInput) -> _Widget:
    if field.values:
        return "select", field.values, {}
    return "text", (), {}


def _number_widget(step: str) -> Callable[[Any], _Widget]:
    def widget(field: NumberInput | IntegerInput) -> _Widget:
        bounds = {"min": field.minimum, "max": field.maximum}
        told = {name: bound for name, bound in bounds.items() if bound is not None and abs(bound) < 2**53}
        return "number", (), {"step": step, **{name: plain_number(bound) for name, bound in told.items()}}

    return widget


_WIDGETS: dict[type, Callable[[Any], _Widget]] = {
    TextInput: _text_widget,
    CategoryInput: _category_widget,
    NumberInput: _number_widget("any"),
    IntegerInput: _number_widget("1"),
    BooleanInput: lambda _: ("select", tuple(_WORDS.values()), {}),
    DatetimeInput: lambda _: ("datetime-local", (), {"step": "any"}),
}
