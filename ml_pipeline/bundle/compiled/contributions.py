"""A linear score taken apart: what each n-gram or field added to it, exactly.

`ModelBundle.contributions(row)` gives one `MemberContributions` for each member of a vote, and a single one for any
other compiled model. None means that the bundle runs as the scikit-learn pipeline and has no exact contributions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Contribution(NamedTuple):
    """What one feature of the row added to a member's linear score, in the score's own units.

    `fields` are the input fields that it was read from: one for a column of a table, all columns of its block for an
    n-gram (a block joins them before it looks for n-grams). `term` is the n-gram; None for a column of a table.
    """

    fields: tuple[str, ...]
    term: str | None
    value: float


@dataclass(frozen=True, slots=True)
class MemberContributions:
    """`baseline + sum of the contributions == score`, and `to_probability(score)` is this member's probability.

    `label` is the class whose score it is: the positive one of a binary model, the predicted one of a multi-class
    model. `weight` is the member's share in the mean of the probabilities (the shares sum to 1), and `finish` maps that
    mean to the bundle's probability: the identity, except where a vote was calibrated as a whole. Both functions keep
    the scores and probabilities of a multi-class model's other labels as they are.
    """

    label: str
    weight: float
    baseline: float  # the score of a row whose features are all 0: no known n-gram, each scaled number at its mean
    score: float
    contributions: Sequence[Contribution]
    to_probability: Callable[[float], float]
    finish: Callable[[float], float]
