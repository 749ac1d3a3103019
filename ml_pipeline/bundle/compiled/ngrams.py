"""TF-IDF of n-grams times weights: n-grams are looked up, counted by sorting, and their weights added, rows at a time.

Equal to scikit-learn's TfidfVectorizer followed by a product with the weights; the parts of its analysis that are
taken over stand in `analysis`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.analysis import ROW, Analysis, analysis
from ml_pipeline.bundle.compiled.contributions import FieldTerms
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.vocabulary import Places
from ml_pipeline.inputs import Row
from ml_pipeline.spec import FeatureBlock

Floats = NDArray[np.float64]

_FIT_ALONE = {"min_df", "max_df", "max_features", "smooth_idf"}
_WEIGHING = {"binary", "norm", "use_idf", "sublinear_tf"}
_POWERS = {"l2": 2, "l1": 1, None: 0}  # of the weights, in the length that a text is divided by


class Weighing(NamedTuple):
    """How terms count that occur more than once, and what a text is divided by."""

    binary: bool
    sublinear: bool
    power: int

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Self:
        norm = params.get("norm", "l2")
        if not params.get("use_idf", True) or norm not in _POWERS:
            raise NotCompilable(f"n-grams weighed by { {name: params[name] for name in _WEIGHING & params.keys()} }")
        return cls(bool(params.get("binary", False)), bool(params.get("sublinear_tf", False)), _POWERS[norm])


class NgramBlock(NamedTuple):
    """One n-gram block as it was fitted, with its columns of the weights (scores × terms)."""

    block: FeatureBlock
    terms: Sequence[str]
    idf: Floats
    weights: Floats


class Terms(NamedTuple):
    """The n-grams of some rows: row by row, block by block, each once, by ascending place.

    `values` (n-grams × scores) are what each adds before the text's length is divided by. The terms of a row in a block
    begin at one of `starts`; `sums` has the sums of their values, `lengths` what these are to be divided by.
    """

    places: Places
    values: Floats
    starts: Places
    sums: list[list[float]]
    lengths: list[float]


class NgramScorer:
    """N-gram blocks that are weighed alike: what their texts add to each score.

    `presence` marks scores that read terms as 0 or 1. The blocks share one table of weights, a place in it is a term of
    one block; what no block knows has weights of 0.
    """

    def __init__(self, weighing: Weighing, blocks: Sequence[NgramBlock], presence: Sequence[bool]) -> None:
        self._weighing = weighing
        self._fields = [block.columns for block, *_ in blocks]
        self._analyses: list[Analysis] = []
        tables: list[Floats] = []
        for block, terms, idf, weights in blocks:
            params = {name: value for name, value in block.params.items() if name not in _FIT_ALONE | _WEIGHING}
            read = analysis(block.kind, params, terms, sum(map(len, tables)))
            table = np.zeros((read.vocabulary.end - read.vocabulary.first, len(presence) + 1))
            table[: len(terms), :-1] = np.where(presence, weights.T, weights.T * idf[:, np.newaxis])
            table[: len(terms), -1] = idf**weighing.power if weighing.power else 0.0
            self._analyses.append(read)
            tables.append(table)
        self._table = np.vstack(tables)
        self._presence = tuple(presence)
        self._powers = np.array([*(0.0 if present else 1.0 for present in presence), float(weighing.power)])
        self.blocks = len(blocks)
        self._firsts = np.array([one.vocabulary.first for one in self._analyses])
        self._unknown = np.array([one.vocabulary.unknown for one in self._analyses])

    def read(self, rows: Sequence[Row]) -> Terms:
        """The n-grams of the rows' texts."""
        found = [
            places
            for fields, one in zip(self._fields, self._analyses, strict=True)
            for places in one.found([_text(row, fields) for row in rows])
        ]
        keys = np.concatenate(found)
        keys.sort()
        fresh = np.empty(len(keys), dtype=bool)
        fresh[0] = True
        np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
        first = fresh.nonzero()[0]
        once = keys.take(first)
        places = once & ((1 << ROW) - 1)
        values = self._table.take(places, axis=0)
        if len(first) < len(keys) and not self._weighing.binary:
            self._weigh_repeated(values, first, len(keys))
        bounds = (np.arange(len(rows))[:, np.newaxis] << ROW) + self._firsts
        starts = once.searchsorted(bounds.ravel())
        sums = np.add.reduceat(values, starts, axis=0).tolist()
        return Terms(places, values, starts, sums, [self._length(line.pop()) for line in sums])

    def _weigh_repeated(self, values: Floats, first: Places, end: int) -> None:
        """Multiply the values of terms that occur more than once by their frequency; `first` are where terms begin."""
        counts = np.empty_like(first)
        np.subtract(first[1:], first[:-1], out=counts[:-1])
        counts[-1] = end - first[-1]
        repeated = (counts > 1).nonzero()[0]
        frequency = counts[repeated].astype(np.float64)
        if self._weighing.sublinear:
            frequency = np.log(frequency) + 1.0
        values[repeated] *= frequency[:, np.newaxis] ** self._powers

    def scores(self, terms: Terms) -> list[list[float]]:
        """What each row's text in each block adds to each score: one line a block, row by row."""
        if any(self._presence):
            return [
                [value if present else value / length for value, present in zip(line, self._presence, strict=True)]
                for line, length in zip(terms.sums, terms.lengths, strict=True)
            ]
        return [[value / length for value in line] for line, length in zip(terms.sums, terms.lengths, strict=True)]

    def _length(self, total: float) -> float:
        """What scikit-learn divides the text's vector by; 1 for a text without known terms, there and here."""
        return (math.sqrt(total) if self._weighing.power == 2 else total) or 1.0

    def contributions(self, terms: Terms, row: Row) -> tuple[Floats, list[FieldTerms]]:
        """What each known n-gram of the only row in `terms` adds to each score (n-grams × scores), and the n-grams."""
        ends = terms.places.searchsorted(self._unknown)
        values, found = [], []
        for block, (fields, one) in enumerate(zip(self._fields, self._analyses, strict=True)):
            own = slice(terms.starts[block], ends[block])
            divisors = np.where(self._presence, 1.0, terms.lengths[block])
            values.append(terms.values[own, :-1] / divisors)
            homes = one.homes and one.homes(_text(row, fields))
            found.append(FieldTerms(fields, one.vocabulary, terms.places[own], homes))
        return np.concatenate(values), found


def _text(row: Row, fields: tuple[str, ...]) -> str:
    if len(fields) == 1:
        return str(row[fields[0]] or "")
    return "\n".join([str(row[field] or "") for field in fields])
