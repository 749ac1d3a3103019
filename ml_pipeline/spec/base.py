"""The base of every spec class: frozen, and an unknown key is an error rather than a typo that does nothing."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, model_validator


def _no_count_of_seconds(given: Any) -> Any:
    """pydantic would read the year 2002 as so many seconds after 1970."""
    if isinstance(given, int | float) or (isinstance(given, str) and re.fullmatch(r"\s*[-+]?[\d.]+\s*", given)):
        raise ValueError("a moment is written like 2026-12-24 or 2026-12-24T16:00:00Z")
    return given


# pydantic would take `true` for 1, "10" for 10, and "no" for false. A whole number is a good `Number`. The classes as a
# whole are not strict: text for a moment and a list for a tuple are what YAML and JSON have.
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Moment = Annotated[datetime, BeforeValidator(_no_count_of_seconds)]


class Declared(BaseModel):
    """A validated, immutable part of a model's declaration."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, str_strip_whitespace=False, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: Any) -> Any:
        """pydantic forbids an unknown key without naming those that there are."""
        allowed = [field.alias or name for name, field in cls.model_fields.items()]
        if isinstance(given, dict) and (unknown := [key for key in given if key not in allowed]):
            raise ValueError(f"{', '.join(map(repr, unknown))} cannot stand here; allowed are {', '.join(allowed)}")
        return given
