"""The sections of a model's declaration that say what the registry does: who decides, when to train, what to keep."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from ml_pipeline.spec.base import Declared, Flag, Number, Whole
from ml_pipeline.spec.sections import Metric, Share

_WEEKLY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):([0-5]\d)")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = timedelta(days=7)


class Freeze(Declared):
    """A time in which no version goes live: each week (`fri 16:00` to `mon 08:00`), or once (two moments). In UTC."""

    model_config = ConfigDict(serialize_by_alias=True)

    start: str = Field(alias="from")
    end: str = Field(alias="to")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _as_text(cls, moment: Any) -> Any:
        """YAML reads an unquoted moment as one."""
        return moment.isoformat() if isinstance(moment, date) else moment

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        weekly = [_WEEKLY.fullmatch(moment) is not None for moment in (self.start, self.end)]
        if not any(weekly):
            if _moment(self.start) >= _moment(self.end):
                raise ValueError(f"{self.start} is not before {self.end}")
        elif not all(weekly):
            raise ValueError(f"{self.start!r} to {self.end!r}: give two of `fri 16:00`, or two of `2026-12-24T16:00`")
        elif self.start == self.end:
            raise ValueError(f"{self.start} to {self.end} is no time at all, or for ever")
        return self

    def __str__(self) -> str:
        return f"{self.start} to {self.end} UTC"

    def until(self, now: datetime) -> datetime | None:
        """When the freeze that holds at `now` ends; None where it does not hold. Its end is no longer part of it."""
        if not _WEEKLY.fullmatch(self.start):
            start, end = _moment(self.start), _moment(self.end)
            return end if start <= now < end else None
        span = (_since_monday(self.end) - _since_monday(self.start)) % _WEEK
        now = now.astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = (now - midnight + timedelta(days=now.weekday()) - _since_monday(self.start)) % _WEEK
        return now + span - passed if passed < span else None


def _since_monday(weekly: str) -> timedelta:
    day, hour, minute = weekly[:3], weekly[4:6], weekly[7:]
    return timedelta(days=_WEEKDAYS.index(day), hours=int(hour), minutes=int(minute))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is neither like `fri 16:00` nor like `2026-12-24T16:00`") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Promotion(Declared):
    """Policy at candidate import: who decides, by which metric, how much better, and what no version may miss.

    `four_eyes`: who started the run or asked for the approval does not decide. In a `freeze` nothing new goes live.
    """

    mode: Literal["manual", "auto"] = "manual"
    metric: Metric = "accuracy"
    minimum_gain: Number = 0.0
    floors: dict[Metric, Share] = Field(default_factory=dict)
    four_eyes: Flag = True
    freeze: tuple[Freeze, ...] = ()


class Serving(Declared):
    """How predictions are remembered. `required`: no answer without a durable log row. `best_effort`: answer anyway.

    `inputs: hash` logs what was asked as a SHA-256 alone; kept inputs are erased after `retention_days`.
    """

    log: Literal["required", "best_effort"] = "required"
    inputs: Literal["keep", "hash"] = "keep"
    retention_days: int = Field(default=90, ge=1, le=3_650)


Hours = Annotated[Number, Field(ge=0.0, le=24 * 366)]


class CoolDown(Declared):
    """Hours between two runs that the same kind of trigger starts, counted from the first one's request."""

    schedule: Hours = 1.0
    documents: Hours = 24.0
    drift: Hours = 24.0


class Retraining(Declared):
    """When a run starts that nobody asked for: so many new documents (null: never), and drift where `on_drift`.

    A schedule is set on the model's page. The same holds for all three: none starts while a run is active.
    """

    new_documents: Annotated[Whole, Field(ge=1)] | None = None
    on_drift: Flag = False
    cool_down_hours: CoolDown = CoolDown()
