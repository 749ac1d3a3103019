"""What is measured of numbers, categories, booleans and moments."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.drift.distances import jensen_shannon, of_frequent, share_difference
from ml_pipeline.drift.measures import Kind, Measure, Values, columns, one_cell_each
from ml_pipeline.inputs import plain_number
from ml_pipeline.learning.values import as_word
from ml_pipeline.spec import InputField

BINS = 10
RARE = 5  # a word that fewer rows of the reference have is counted with the others
_WORDS = 1_000
OTHERS = "others"


def field_measures(name: str, field: InputField, values: Values) -> list[Measure]:
    """The measures of one input that is no text, prepared on the reference's values.

    Of a moment only whether it is there: dates move on by themselves, and hour and weekday depend on when the window
    was taken, so that either would be drift in every window.
    """
    found = [_missing(name)]
    present = [value for value in values if value is not None]
    if field.type in ("number", "integer") and present:
        found.append(binned("distribution", name, np.array(present, dtype=np.float64), _as_numbers))
    elif field.type in ("category", "boolean") and present:
        found.append(_words(name, present))
    return found


def binned(kind: Kind, name: str, reference: NDArray[np.float64], read: Any) -> Measure:
    """The distance of a number's distribution over the reference's deciles; few distinct values are bins of their own.

    `read` makes an array of values, NaN where there is none: a missing value is counted by another measure.
    """
    edges = _edges(reference)

    def count(values: Values) -> Any:
        numbers = read(values)
        places = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers, side="left"))
        return one_cell_each(places, len(edges) + 1)

    return Measure(kind, name, count, jensen_shannon, _bin_names(edges))


def frequent(words: Iterable[str]) -> list[str]:
    """Those that occur twice and more, the most frequent first: what a draw of the same rows may have often enough."""
    return [word for word, rows in Counter(words).most_common(_WORDS) if rows > 1]


def _missing(name: str) -> Measure:
    def count(values: Values) -> Any:
        gone = np.array([value is None for value in values], dtype=np.float64)
        return columns(gone, 1 - gone)

    return Measure("missing", name, count, share_difference, ("missing", "given"))


def _words(name: str, present: Values) -> Measure:
    known = frequent(map(as_word, present))
    places = {word: place for place, word in enumerate(known)}

    def count(values: Values) -> Any:
        found = [-1 if value is None else places.get(as_word(value), len(known)) for value in values]
        return one_cell_each(np.array(found, dtype=np.int64), len(known) + 1)

    return Measure("distribution", name, count, of_frequent(RARE), (*known, OTHERS))


def _as_numbers(values: Values) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


def _edges(reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper edges of all bins but the last, a value that equals an edge below it."""
    distinct = np.unique(reference)
    if len(distinct) <= BINS:
        return distinct[:-1]
    return np.unique(np.quantile(reference, np.arange(1, BINS) / BINS, method="inverted_cdf"))


def _bin_names(edges: NDArray[np.float64]) -> tuple[str, ...]:
    shown = [plain_number(float(f"{edge:.4g}")) for edge in edges]
    if not shown:
        return ("any",)
    between = [f"{low} to {high}" for low, high in pairwise(shown)]
    return (f"up to {shown[0]}", *between, f"above {shown[-1]}")
