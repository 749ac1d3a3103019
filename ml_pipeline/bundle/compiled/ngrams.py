"""TF-IDF of n-grams times weights, term by term: each n-gram is looked up, its weights are added, the sum is scaled.

Equal to scikit-learn's TfidfVectorizer followed by a product with the weights; the parts of its analysis that are
taken over stand in `analyzer`.
"""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

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
        ]
        self._lengths = array("d", idf**self._power)

    def scores(self, row: Row) -> list[float]:
        """What the row's text adds to each score."""
        counts = self._counts(row)
        repeated = self._repeated(counts)
        length = self._length(counts, repeated)
        sums = [sum(map(column.__getitem__, counts)) for column in self._columns]
        for place, column in enumerate(self._columns):
            if not self._presence[place]:
                more = sum([(frequency - 1.0) * column[term] for term, frequency in repeated])
                sums[place] = (sums[place] + more) / length
        return sums

    def contributions(self, row: Row, score: int) -> list[Contribution]:
        """What each known n-gram of the row's text adds to one score."""
        counts = self._counts(row)
        repeated = self._repeated(counts)
        column, terms, fields = self._columns[score], self._terms, self.fields
        if self._presence[score]:
            return [Contribution(fields, terms[term], column[term]) for term in counts]
        scale = 1.0 / self._length(counts, repeated)
        frequencies = dict(repeated)
        return [
            Contribution(fields, terms[term], frequencies.get(term, 1.0) * column[term] * scale) for term in counts
        ]

    def _counts(self, row: Row) -> "Counter[Any]":
        """How often each known n-gram occurs, by its place in the vocabulary."""
        fields = self.fields
        text = row[fields[0]] if len(fields) == 1 else "\n".join([str(row[field] or "") for field in fields])
        counts: Counter[Any] = Counter(self._found(str(text or "")))
        counts.pop(None, None)
        return counts

    def _repeated(self, counts: "Counter[Any]") -> list[tuple[int, float]]:
        """The term frequencies that are not 1."""
        if self._binary or counts.total() == len(counts):
            return []
        if self._sublinear:
            return [(term, math.log(count) + 1.0) for term, count in counts.items() if count > 1]
        return [(term, float(count)) for term, count in counts.items() if count > 1]

    def _length(self, counts: "Counter[Any]", repeated: list[tuple[int, float]]) -> float:
        """What scikit-learn divides the text's vector by. A text without known terms is divided by 1, there and here."""
        if not self._power or not counts:
            return 1.0
        lengths, power = self._lengths, self._power
        total: float = sum(map(lengths.__getitem__, counts))
        total += sum([(frequency**power - 1.0) * lengths[term] for term, frequency in repeated])
        return math.sqrt(total) if power == 2 else total
