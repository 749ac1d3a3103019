"""A fitted model's probabilities put right afterwards by two numbers: logistic calibration of log-odds (Platt 1999)."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

EDGE = 1e-6  # a probability of 0 or 1 has no logit


class Recalibration(NamedTuple):
    """A probability p becomes 1 / (1 + exp(-(slope · logit p + intercept))).

    With a slope above 0 it increases (between EDGE and 1 - EDGE): a threshold can move along, and no decision changes.
    """

    slope: float
    intercept: float

    @property
    def is_increasing(self) -> bool:
        """Finite, and keeps the order of the answers: otherwise it is no calibration but another model."""
        return math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope > 0

    def probability(self, given: float) -> float:
        """The recalibrated probability, 0 to 1."""
        inside = min(max(given, EDGE), 1.0 - EDGE)
        score = self.slope * math.log(inside / (1.0 - inside)) + self.intercept
        power = math.exp(-abs(score))
        return 1.0 / (1.0 + power) if score >= 0 else power / (1.0 + power)


def in_turn(recalibrations: Sequence[Recalibration]) -> Callable[[float], float]:
    """One after the other, the earliest first; the same probability always gives the same, and ties stay ties."""

    def probability(given: float) -> float:
        for one in recalibrations:
            given = one.probability(given)
        return given

    return probability
