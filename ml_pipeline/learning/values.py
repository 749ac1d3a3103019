"""How a checked value enters a feature block: as a word, a number, or points on the circles of a moment's periods.

Apart from `encoding`, so that a scorer which needs no scikit-learn reads values as training did.
"""

import math
from collections.abc import Sequence
from datetime import datetime

from ml_pipeline.inputs import Value

MISSING_WORD = ""  # validation refuses the empty word, so it cannot be mistaken for a value
MOMENT_PARTS = ("hour", "weekday")  # of a `datetime_parts` block that names none
_PERIODS = {"hour": 24, "weekday": 7, "month": 12}


def as_word(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return MISSING_WORD if value is None else str(value)


def as_number(value: Value) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


def moment_parts(value: Value, parts: Sequence[str]) -> list[float]:
    """Each part as a point on the circle of its period, so that 23 h is near 0 h; NaN where the moment is missing."""
    if not isinstance(value, datetime):
        return [math.nan] * (2 * len(parts))
    numbers = {"hour": value.hour + value.minute / 60, "weekday": value.weekday(), "month": value.month - 1}
    angles = [2 * math.pi * numbers[part] / _PERIODS[part] for part in parts]
    return [wave for angle in angles for wave in (math.sin(angle), math.cos(angle))]
