"""A linear score taken apart: what each n-gram or field added to it, exactly.

`ModelBundle.contributions(row)` gives one `MemberContributions` for each member of a vote, and a single one for any
other compiled model. None means that the bundle runs as the scikit-learn pipeline and has no exact contributions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.analysis import Homes
from ml_pipeline.bundle.compiled.vocabulary import Places, Vocabulary

Floats = NDArray[np.float64]


class Feature(NamedTuple):
    """What added to a score.

    `fields` are the input fields that it was read from: one for a column of a table, all columns of its block for an
    n-gram (a block joins them before it looks for n-grams). `term` is the n-gram; None for a column of a table.
    """

    fields: tuple[str, ...]
    term: str | None


class FieldTerms(NamedTuple):
    """The known n-grams of one block's text by their places, which ascend; `homes` where they are of characters."""

    fields: tuple[str, ...]
    vocabulary: Vocabulary
    places: Places
    homes: Homes | None = None

    def on_words(self, values: Floats) -> dict[str, float]:
        """The values of character n-grams shared by the words that they lie in, each as often as it does."""
        words, places, owners = self.homes or Homes((), self.places, self.places)
        at = self.places.searchsorted(places)
        shares = values / np.bincount(at, minlength=len(values))
        shared: dict[str, float] = {}
        for word, value in zip(words, np.bincount(owners, shares[at], len(words)).tolist(), strict=True):
            shared[word] = shared.get(word, 0.0) + value
        return shared


class RowFeatures:
    """What a row has: first the n-grams of its blocks, then its columns, each block's in one run.

    A feature gets its name when somebody asks for it: a long text has hundreds, and ten of them are shown.
    """

    def __init__(self, blocks: Sequence[FieldTerms], columns: Sequence[Feature]) -> None:
        self._blocks = blocks
        self._columns = columns

    def __len__(self) -> int:
        return sum(len(block.places) for block in self._blocks) + len(self._columns)

    def __iter__(self) -> Iterator[Feature]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> Feature:
        for block in self._blocks:
            if number < len(block.places):
                return Feature(block.fields, block.vocabulary.term(int(block.places[number])))
            number -= len(block.places)
        return self._columns[number]

    def for_readers(self, values: Floats) -> "tuple[Floats, RowFeatures]":
        """Values (one a feature) and features as a reader knows them: those of character n-grams lie on whole words.

        A word that is a feature itself has its own value and theirs.
        """
        if all(block.homes is None for block in self._blocks):
            return values, self
        kept: list[FieldTerms] = []
        own: list[float] = []
        on_words: dict[tuple[str, ...], dict[str, float]] = {}
        start = 0
        for block in self._blocks:
            part, start = values[start : start + len(block.places)], start + len(block.places)
            if block.homes is None:
                kept.append(block)
                own += part.tolist()
            else:
                words = on_words.setdefault(block.fields, {})
                for word, value in block.on_words(part).items():
                    words[word] = words.get(word, 0.0) + value
        _merge(own, kept, on_words)
        others = [(Feature(fields, word), value) for fields, words in on_words.items() for word, value in words.items()]
        points = [*own, *(value for _, value in others), *values[start:].tolist()]
        return np.array(points), RowFeatures(kept, [*(feature for feature, _ in others), *self._columns])


def _merge(
    values: list[float], blocks: Sequence[FieldTerms], on_words: dict[tuple[str, ...], dict[str, float]]
) -> None:
    """Move the values of words that are terms of a block to those of the terms."""
    start = 0
    for block in blocks:
        at = {place: number for number, place in enumerate(block.places.tolist(), start)}
        start += len(block.places)
        words, place_of = on_words.get(block.fields, {}), block.vocabulary.numbers.get
        for word in list(words):
            if (number := at.get(place_of(word, -1))) is not None:
                values[number] += words.pop(word)


@dataclass(frozen=True, slots=True)
class MemberContributions:
    """`baseline + contributions.sum() == score`, and `to_probability(score)` is this member's probability.

    `contributions` has one value for each of `features`, in the score's own units; all members of a vote have the same
    features. `label` is the class whose score it is: the positive one of a binary model, the predicted one of a
    multi-class model. `weight` is the member's share in the mean of the probabilities (the shares sum to 1), and
    `finish` maps that mean to the bundle's probability: the identity, except where a vote was calibrated as a whole.
    Both functions keep the scores and probabilities of a multi-class model's other labels as they are.
    """

    label: str
    weight: float
    baseline: float  # the score of a row whose features are all 0: no known n-gram, each scaled number at its mean
    score: float
    features: RowFeatures
    contributions: Floats
    to_probability: Callable[[float], float]
    finish: Callable[[float], float]
