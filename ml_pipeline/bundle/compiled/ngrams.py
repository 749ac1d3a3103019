"""TF-IDF of n-grams times weights, term by term: each n-gram is looked up, its weights are added, the sum is scaled.

Equal to scikit-learn's TfidfVectorizer followed by a product with the weights; the parts of its analysis that are
taken over stand in `analyzer`.
"""

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.analysis import Lookup, analyzer
from ml_pipeline.bundle.compiled.contributions import Contribution
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.inputs import Row
from ml_pipeline.spec import FeatureBlock

Floats = NDArray[np.float64]

_FIT_ALONE = {"min_df", "max_df", "max_features", "smooth_idf"}
_WEIGHING = {"binary", "norm", "use_idf", "sublinear_tf"}
_POWERS = {"l2": 2, "l1": 1, None: 0}  # of the weights, in the length that a text is divided by


class NgramScorer:
    """One n-gram block: what its text adds to each score. `presence` marks scores that read terms as 0 or 1."""

    def __init__(
        self, block: FeatureBlock, terms: Sequence[str], idf: Floats, weights: Floats, presence: Sequence[bool]
    ) -> None:
        params = {name: value for name, value in block.params.items() if name not in _FIT_ALONE}
        weighing = {name: params.pop(name) for name in _WEIGHING & params.keys()}
        if not weighing.get("use_idf", True) or weighing.get("norm", "l2") not in _POWERS:
            raise NotCompilable(f"n-grams weighed by {weighing}")
        self.fields = block.columns
        self._terms = terms
        self._found = analyzer(block.kind, params, Lookup(terms))
        self._binary = bool(weighing.get("binary", False))
        self._sublinear = bool(weighing.get("sublinear_tf", False))
        self._power = _POWERS[weighing.get("norm", "l2")]
        self._presence = presence
        self._columns = [
            array("d", line if present else line * idf) for line, present in zip(weights, presence, strict=True)
        ]  # arrays: a third faster as lists of floats, which take four times the memory in every worker
        self._lengths = array("d", idf**self._power)

    def find(self, row: Row) -> "Terms":
        """The known n-grams of the row's text."""
        fields = self.fields
        text = row[fields[0]] if len(fields) == 1 else "\n".join([str(row[field] or "") for field in fields])
        counts: Counter[Any] = Counter(self._found(str(text or "")))
        counts.pop(None, None)
        places: tuple[int, ...] = tuple(counts)
        frequencies: dict[int, float] = {}
        if not self._binary and counts.total() > len(places):
            repeated = [(place, count) for place, count in enumerate(counts.values()) if count > 1]
            frequencies = {
                place: math.log(count) + 1.0 if self._sublinear else float(count) for place, count in repeated
            }
        return Terms(places, frequencies, self._length(places, frequencies))

    def scores(self, terms: "Terms") -> list[float]:
        """What a text adds to each score."""
        if not terms.places:
            return [0.0] * len(self._columns)
        return [
            sum(weights) if present else (sum(weights) + terms.more(weights)) / terms.length
            for weights, present in zip(_picked(terms.places, self._columns), self._presence, strict=True)
        ]

    def contributions(self, terms: "Terms", score: int) -> list[Contribution]:
        """What each known n-gram of a text adds to one score."""
        if not terms.places:
            return []
        weights, names = _picked(terms.places, (self._columns[score], self._terms))
        if self._presence[score]:
            values = list(weights)
        else:
            scale = 1.0 / terms.length
            values = [weight * scale for weight in weights]
            for place, frequency in terms.frequencies.items():
                values[place] *= frequency
        return list(map(_contribution, zip(repeat(self.fields), names, values, strict=False)))

    def _length(self, places: tuple[int, ...], frequencies: Mapping[int, float]) -> float:
        """What scikit-learn divides the text's vector by; 1 for a text without known terms, there and here."""
        if not self._power or not places:
            return 1.0
        (lengths,), power = _picked(places, (self._lengths,)), self._power
        total: float = sum(lengths)
        total += sum([(frequency**power - 1.0) * lengths[place] for place, frequency in frequencies.items()])
        return math.sqrt(total) if power == 2 else total


class Terms(NamedTuple):
    """The known n-grams of one text: their places in the vocabulary, and the term frequencies that are not 1.

    `frequencies` are by position in `places`. `length` is what the vector of the text is divided by.
    """

    places: tuple[int, ...]
    frequencies: Mapping[int, float]
    length: float

    def more(self, weights: Sequence[float]) -> float:
        """What terms that occur more than once add to the plain sum of the weights."""
        return sum([(frequency - 1.0) * weights[place] for place, frequency in self.frequencies.items()])


def _picked(places: tuple[int, ...], columns: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Each column's items at these places. `itemgetter` is the fastest loop that plain Python has."""
    if len(places) == 1:
        return [(column[places[0]],) for column in columns]
    pick = itemgetter(*places)
    return [pick(column) for column in columns]


_contribution = partial(tuple.__new__, Contribution)  # as `Contribution._make`, in a quarter of the time
