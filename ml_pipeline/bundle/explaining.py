"""What pushed an answer: the probability taken apart into what each word or field added to it, in probability points.

For a compiled model (`exact`) these are integrated gradients along the straight path from the empty row to the row
(Sundararajan, Taly & Yan, "Axiomatic attribution for deep networks", 2017). A member of a vote gives g(z) for the sum
z = b + Σ cᵢ of its contributions, so the integral has a closed form: cᵢ · (g(z) - g(b)) / (z - b). Nothing is sampled,
and the parts add up to the probability. Where a vote was calibrated as a whole, the same mean slope is taken of the
calibration, between the two ends of the mean (the rescale rule: Shrikumar, Greenside & Kundaje, DeepLIFT, 2017).

Any other model is asked, with parts of the row put in their places one by one (`permutation`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.contributions import Feature, MemberContributions, RowFeatures
from ml_pipeline.bundle.wording import readable

Floats = NDArray[np.float64]

SHOWN_EACH_WAY = 10

EXACT = (
    "Integrated gradients from a row without any known word and with each number at its mean: "
    "baseline, contributions and rest add up to the probability."
)
EXACT_OF_SEVERAL = (
    f"{EXACT} The predicted label's score alone is moved; those of the other labels stay as they are for this row."
)
_STEP = 1e-4  # of a score, where the path has no length and the derivative is taken instead
_NO_LENGTH = 1e-9


class Part(NamedTuple):
    """What a word or phrase (`term`) of some text fields, or a whole field (no term), added to the probability."""

    fields: tuple[str, ...]
    term: str | None
    points: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """`baseline + sum of the parts' points + rest == probability`, which is that of `label`, all of them 0 to 1.

    `parts` are the strongest, at most SHOWN_EACH_WAY for the label and as many against it, strongest first; `rest` is
    what the `rest_count` others added together.
    """

    source: Literal["exact", "permutation"]
    method: str
    label: str
    baseline: float
    probability: float
    threshold: float | None
    parts: tuple[Part, ...]
    rest: float
    rest_count: int

    @property
    def distance(self) -> float | None:
        """From the threshold to the probability, in points: negative below it; None where the largest label wins."""
        return None if self.threshold is None else self.probability - self.threshold


def explain_exactly(
    members: Sequence[MemberContributions], *, probability: float, threshold: float | None
) -> Explanation:
    """The explanation of an answer whose members' scores were taken apart."""
    ends = [(one.to_probability(one.baseline), one.to_probability(one.score)) for one in members]
    start = sum([member.weight * low for member, (low, _) in zip(members, ends, strict=True)])
    end = sum([member.weight * high for member, (_, high) in zip(members, ends, strict=True)])
    finish, features = members[0].finish, members[0].features
    baseline = finish(start)
    finished = _mean_slope(finish, start, end, baseline, finish(end))
    added = np.zeros(len(features))
    for one, (low, high) in zip(members, ends, strict=True):
        slope = _mean_slope(one.to_probability, one.baseline, one.score, low, high)
        added += (finished * one.weight * slope) * one.contributions
    values, shown = features.for_readers(added)
    method = EXACT if threshold is not None else EXACT_OF_SEVERAL
    return summed_up("exact", method, members[0].label, baseline, probability, threshold, values, shown)


def summed_up(
    source: Literal["exact", "permutation"],
    method: str,
    label: str,
    baseline: float,
    probability: float,
    threshold: float | None,
    values: Floats,
    features: Sequence[Feature] | RowFeatures,
) -> Explanation:
    """The explanation that shows the strongest of `values`; what they leave of the probability is the rest.

    Of `features`, one a value, those that are shown are asked for their names.
    """
    order = values.argsort(kind="stable")
    if len(order) > 2 * SHOWN_EACH_WAY:
        order = np.concatenate((order[:SHOWN_EACH_WAY], order[-SHOWN_EACH_WAY:]))
    strongest = list(zip(values.take(order).tolist(), order.tolist(), strict=True))
    holding = [one for one in strongest if one[0] < 0][:SHOWN_EACH_WAY]
    pushing = [one for one in strongest if one[0] > 0][-SHOWN_EACH_WAY:]
    shown = sorted([*pushing[::-1], *holding], key=lambda one: -abs(one[0]))
    rest = probability - baseline - sum([value for value, _ in shown])
    hidden = int(np.count_nonzero(values)) - len(shown)
    parts = tuple([_part(value, features[number]) for value, number in shown])
    return Explanation(source, method, label, float(baseline), probability, threshold, parts, float(rest), hidden)


def _part(points: float, feature: Feature) -> Part:
    fields, term = feature
    return Part(fields, readable(term) if term else None, points)


def _mean_slope(link: Callable[[float], float], start: float, end: float, at_start: float, at_end: float) -> float:
    """The mean of the link's derivative on the way from `start` to `end`, where it has the values given."""
    if abs(end - start) < _NO_LENGTH:
        return (link(end + _STEP) - link(end - _STEP)) / (2 * _STEP)
    return (at_end - at_start) / (end - start)
