"""What `dvc repro` prints, as events: which stage started, was skipped, or was restored from the run cache."""

import re
from dataclasses import dataclass
from typing import Literal

StageState = Literal["running", "unchanged", "restored", "failed"]

STAGES = ("ingestion", "preprocessing", "feature_engineering", "model_building", "evaluation", "registration")

_PATTERNS: tuple[tuple[StageState, re.Pattern[str]], ...] = (
    ("running", re.compile(r"^Running stage '(?P<stage>\w+)@(?P<model>[\w-]+)':")),
    ("unchanged", re.compile(r"^Stage '(?P<stage>\w+)@(?P<model>[\w-]+)' didn't change, skipping")),
    ("restored", re.compile(r"^Stage '(?P<stage>\w+)@(?P<model>[\w-]+)' is cached - skipping run")),
    ("failed", re.compile(r"^ERROR: failed to reproduce '(?P<stage>\w+)@(?P<model>[\w-]+)'")),
)


@dataclass(frozen=True)
class StageEvent:
    """A stage of a model entered a state."""

    stage: str
    model: str
    state: StageState


def parse_line(line: str) -> StageEvent | None:
    """The event in one line of `dvc repro`'s output; None for any other line."""
    for state, pattern in _PATTERNS:
        if match := pattern.match(line):
            return StageEvent(match["stage"], match["model"], state)
    return None
