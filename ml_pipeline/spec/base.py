"""The base of every spec class: frozen, and an unknown key is an error rather than a typo that does nothing."""

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """A validated, immutable part of a model's declaration."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, str_strip_whitespace=False)
