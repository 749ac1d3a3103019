"""The base of every spec class: frozen, and an unknown key is an error rather than a typo that does nothing."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


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
