"""The types of a model's inputs.

One declaration serves four readers: the data contract, the API's request schema, the browser form and
`ModelBundle.validate`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ml_pipeline.spec.base import Declared, Flag, Moment, Number, Whole

LARGEST_NUMBER = 1e100


class _Input(Declared):
    """What every input has. A missing value is allowed if the input is `optional` or has a `default`."""

    title: str = ""
    help: str = ""
    optional: Flag = False

    @property
    def may_be_missing(self) -> bool:
        return self.optional or getattr(self, "default", None) is not None


class TextInput(_Input):
    """Free text. Lengths are in characters (Unicode code points)."""

    type: Literal["text"]
    min_length: Whole = Field(default=1, ge=0)
    max_length: Whole = Field(default=20_000, ge=1)
    default: str | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_bounds(self.min_length, self.max_length)
        if self.default is not None and not self.min_length <= len(self.default) <= self.max_length:
            raise ValueError(
                f"the default has {len(self.default)} characters, not {self.min_length} to {self.max_length}"
            )
        return self


class NumberInput(_Input):
    """A finite double within ±1e100. Nothing measures more, and in a model the products of larger ones overflow."""

    type: Literal["number"]
    minimum: Number | None = None
    maximum: Number | None = None
    default: Number | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_bounds(self.minimum, self.maximum, self.default)
        return self


class IntegerInput(_Input):
    """A whole number within ±2^53, so that JSON readers and doubles keep it exactly."""

    type: Literal["integer"]
    minimum: Whole = -(2**53)
    maximum: Whole = 2**53
    default: Whole | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_bounds(self.minimum, self.maximum, self.default)
        return self


class CategoryInput(_Input):
    """One of some words. Closed where `values` lists them; open otherwise, and an unseen word scores as unknown."""

    type: Literal["category"]
    values: tuple[str, ...] = ()
    max_length: Whole = Field(default=200, ge=1)
    default: str | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _words(cls, values: Any) -> Any:
        if isinstance(values, list) and any(isinstance(value, bool) for value in values):
            raise ValueError('YAML reads a bare true or false as a boolean: quote it, as in ["true", "false"]')
        return values

    @model_validator(mode="after")
    def _listed_once(self) -> Self:
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"values repeat: {list(self.values)}")
        if self.values and self.default is not None and self.default not in self.values:
            raise ValueError(f"default {self.default!r} is not among values {list(self.values)}")
        return self


class BooleanInput(_Input):
    """JSON `true` or `false`, nothing that merely looks like it."""

    type: Literal["boolean"]
    default: Flag | None = None


class DatetimeInput(_Input):
    """A moment, kept in UTC with milliseconds. A naive one means UTC."""

    type: Literal["datetime"]
    earliest: Moment | None = None
    latest: Moment | None = None
    default: Moment | None = None

    @field_validator("earliest", "latest", "default")
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        return None if moment is None else as_utc_milliseconds(moment)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_bounds(self.earliest, self.latest, self.default)
        return self


INPUT_TYPES = ("text", "number", "integer", "category", "boolean", "datetime")
InputField = Annotated[
    TextInput | NumberInput | IntegerInput | CategoryInput | BooleanInput | DatetimeInput,
    Field(discriminator="type"),
]


def as_utc_milliseconds(moment: datetime) -> datetime:
    """`moment` in UTC, cut to milliseconds, which is what BSON stores."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def check_bounds(low: Any, high: Any, default: Any = None) -> None:
    """Refuse a lower bound above its upper one, and a default that could not have been sent. None bounds nothing.

    Naive moments mean UTC.
    """
    low, high, default = (_comparable(value) for value in (low, high, default))
    if low is not None and high is not None and low > high:
        raise ValueError(f"the lower bound {low} is above the upper bound {high}")
    if default is not None and ((low is not None and default < low) or (high is not None and default > high)):
        raise ValueError(f"the default {default} is not from {low} to {high}")


def _comparable(value: Any) -> Any:
    return as_utc_milliseconds(value) if isinstance(value, datetime) else value
