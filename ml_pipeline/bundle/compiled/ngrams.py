"""TF-IDF of n-grams times weights: n-grams are looked up, counted by sorting, and their weights added, rows at a time.

Equal to scikit-learn's TfidfVectorizer followed by a product with the weights; the parts of its analysis that are
taken over stand in `analysis`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.analysis import Analysis, Texts, analysis
from ml_pipeline.bundle.compiled.contributions import FieldTerms
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.vocabulary import Places
from ml_pipeline.inputs import Row
from ml_pipeline.spec import FeatureBlock

Floats = NDArray[np.float64]

_FIT_ALONE = {"min_df", "max_df", "max_features", "smooth_idf"}
_WEIGHING = {"binary", "norm", "use_idf", "sublinear_tf"}
_POWERS = {"l2": 2, "l1": 1, None: 0}  # of the weights, in the length that a text is divided by
_ROW = 32  # a row's number stands above so many bits of a place
_PLACE = (1 << _ROW) - 1


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
        self._analyses: list[tuple[tuple[str, ...], Analysis]] = []  # with the fields that are read
        tables: list[Floats] = []
        for block, terms, idf, weights in blocks:
            params = {name: value for name, value in block.params.items() if name not in _FIT_ALONE | _WEIGHING}
            read = analysis(block.kind, params, terms, sum(map(len, tables)))
            table = np.zeros((read.vocabulary.end - read.vocabulary.first, len(presence) + 1))
            table[: len(terms), :-1] = np.where(presence, weights.T, weights.T * idf[:, np.newaxis])
            table[: len(terms), -1] = idf**weighing.power if weighing.power else 0.0
            self._analyses.append((block.columns, read))
            tables.append(table)
        self._fields = {fields for fields, _ in self._analyses}
        self._table = np.vstack(tables)
        self._presence = tuple(presence)
        counted = [column for column, present in enumerate([*presence, not weighing.power]) if not present]
        self._counted = counted if any(presence) else slice(None)
        self.blocks = len(blocks)
        self._firsts = np.array([one.vocabulary.first for _, one in self._analyses])
        self._unknown = np.array([one.vocabulary.unknown for _, one in self._analyses])

    def read(self, rows: Sequence[Row]) -> Terms:
        """The n-grams of the rows' texts."""
        texts = {fields: Texts([_text(row, fields) for row in rows]) for fields in self._fields}
        keys = np.concatenate([places for fields, one in self._analyses for places in _keys(one, texts[fields])])
        keys.sort()
        fresh = np.ones(len(keys) + 1, dtype=bool)
        np.not_equal(keys[1:], keys[:-1], out=fresh[1:-1])
        ends = fresh.nonzero()[0]
        once = places = keys.take(ends[:-1])
        bounds = self._firsts
        if len(rows) > 1:
            places = once & _PLACE
            bounds = (_above(len(rows))[:, np.newaxis] | bounds).ravel()
        values = self._table.take(places, axis=0)
        if len(once) < len(keys) and not self._weighing.binary:
            self._weigh_repeated(values, ends[1:] - ends[:-1])
        starts = once.searchsorted(bounds)
        sums = np.add.reduceat(values, starts, axis=0).tolist()
        return Terms(places, values, starts, sums, [self._length(line.pop()) for line in sums])

    def _weigh_repeated(self, values: Floats, counts: Places) -> None:
        """Multiply the values of terms that occur so often by their frequency."""
        frequency = np.log(counts) + 1.0 if self._weighing.sublinear else counts.astype(np.float64)
        values[:, self._counted] *= frequency[:, np.newaxis]
        if self._weighing.power == 2:
            values[:, -1] *= frequency

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
        for block, (fields, one) in enumerate(self._analyses):
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


def _keys(analysis: Analysis, texts: Texts) -> list[Places]:
    """The places of the n-grams in the texts, each with the number of its row above."""
    found, lengths = analysis.found(texts)
    if len(lengths) == 1:
        return found
    above = np.repeat(_above(len(lengths)), lengths)
    return [places | above[: len(places)] for places in found]


def _above(rows: int) -> Places:
    return np.arange(rows) << _ROW
