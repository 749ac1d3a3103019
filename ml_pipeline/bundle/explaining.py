"""What pushed an answer: the probability taken apart into what each word or field added to it, in probability points.

For a compiled model (`exact`) these are integrated gradients along the straight path from the empty row to the row
(Sundararajan, Taly & Yan, "Axiomatic attribution for deep networks", 2017). A member of a vote gives g(z) for the sum
z = b + Σ cᵢ of its contributions, so the integral has a closed form: cᵢ · (g(z) - g(b)) / (z - b). Nothing is sampled,
and the parts add up to the probability. Where a vote was calibrated as a whole, the same mean slope is taken of the
calibration, between the two ends of the mean (the rescale rule: Shrikumar, Greenside & Kundaje, DeepLIFT, 2017).

Any other model is asked, with parts of the row put in their places one by one (`permutation`).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ml_pipeline.bundle.compiled.contributions import MemberContributions
from ml_pipeline.bundle.wording import in_words, readable
from ml_pipeline.inputs import Row

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

Points = tuple[float, tuple[str, ...], str]  # what was added, by which fields, by which term ("": the whole field)


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
    members: Sequence[MemberContributions],
    cleaned: Row,
    *,
    fragmented: Collection[tuple[str, ...]],
    probability: float,
    threshold: float | None,
) -> Explanation:
    """The explanation of an answer whose members' scores were taken apart.

    The members read the same features in one order. `fragmented` are the groups of fields that are read as character
    n-grams too, and `cleaned` holds these fields as they were scored.
    """
    start = sum(member.weight * member.to_probability(member.baseline) for member in members)
    end = sum(member.weight * member.to_probability(member.score) for member in members)
    finish = members[0].finish
    finished = _mean_slope(finish, start, end)
    added = [0.0] * len(members[0].contributions)
    for member in members:
        scale = finished * member.weight * _mean_slope(member.to_probability, member.baseline, member.score)
        added = [value + scale * one[2] for value, one in zip(added, member.contributions, strict=True)]
    points: dict[tuple[str, ...], dict[str, float]] = {}
    for value, (fields, term, _) in zip(added, members[0].contributions, strict=True):
        of_fields = points.get(fields) or points.setdefault(fields, {})
        of_fields[term or ""] = of_fields.get(term or "", 0.0) + value
    parts = [
        (value, fields, term)
        for fields, of_fields in points.items()
        for term, value in _in_words(of_fields, fields, cleaned, fragmented).items()
    ]
    method = EXACT if threshold is not None else EXACT_OF_SEVERAL
    return summed_up("exact", method, members[0].label, finish(start), probability, threshold, parts)


def summed_up(
    source: Literal["exact", "permutation"],
    method: str,
    label: str,
    baseline: float,
    probability: float,
    threshold: float | None,
    points: Iterable[Points],
) -> Explanation:
    """The explanation that shows the strongest parts; what they leave of the probability is the rest."""
    known = [(float(value), fields, term) for value, fields, term in points if value]  # NumPy's are no JSON numbers
    pushing = sorted([one for one in known if one[0] > 0], reverse=True)[:SHOWN_EACH_WAY]
    holding = sorted([one for one in known if one[0] < 0])[:SHOWN_EACH_WAY]
    shown = sorted([*pushing, *holding], key=lambda one: -abs(one[0]))
    rest = probability - baseline - sum(value for value, _, _ in shown)
    parts = tuple(Part(fields, readable(term) if term else None, value) for value, fields, term in shown)
    hidden = len(known) - len(shown)
    return Explanation(source, method, label, float(baseline), probability, threshold, parts, float(rest), hidden)


def _mean_slope(link: Callable[[float], float], start: float, end: float) -> float:
    """The mean of the link's derivative on the way from `start` to `end`."""
    if abs(end - start) < _NO_LENGTH:
        return (link(end + _STEP) - link(end - _STEP)) / (2 * _STEP)
    return (link(end) - link(start)) / (end - start)


def _in_words(
    terms: dict[str, float], fields: tuple[str, ...], cleaned: Row, fragmented: Collection[tuple[str, ...]]
) -> dict[str, float]:
    """Terms as a reader knows them: character n-grams as the words that they lie in."""
    if fields not in fragmented:
        return terms
    return in_words(terms, "\n".join(str(cleaned[field] or "") for field in fields).lower())
