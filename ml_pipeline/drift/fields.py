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
_SAME = 1e-9  # of the largest value: as much as a compiled model's probabilities may differ from the pipeline's
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
    """The distance of a number's distribution over the reference's deciles, or over its values where they are few.

    `read` makes an array of values, NaN where there is none: a missing value is counted by another measure.
    """
    distinct = np.unique(reference)
    if len(distinct) <= BINS:
        return _few(kind, name, distinct, read)
    edges = _edges(reference)

    def count(values: Values) -> Any:
        numbers = read(values)
        places = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers, side="left"))
        return one_cell_each(places, len(edges) + 1)

    return Measure(kind, name, count, jensen_shannon, _bin_names(edges))


def _few(kind: Kind, name: str, known: NDArray[np.float64], read: Any) -> Measure:
    """As of words: a cell for each of the reference's values, and one for rare ones and any other, near or far."""
    same = _SAME * np.abs(known).max()

    def count(values: Values) -> Any:
        numbers = read(values)
        gaps = np.abs(numbers[:, None] - known)
        places = np.where(gaps.min(axis=1) > same, len(known), gaps.argmin(axis=1))
        return one_cell_each(np.where(np.isnan(numbers), -1, places), len(known) + 1)

    return Measure(kind, name, count, of_frequent(RARE), (*map(_shown, known), OTHERS))


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
    return np.unique(np.quantile(reference, np.arange(1, BINS) / BINS, method="inverted_cdf"))


def _bin_names(edges: NDArray[np.float64]) -> tuple[str, ...]:
    shown = [_shown(edge) for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(shown)]
    return (f"up to {shown[0]}", *between, f"above {shown[-1]}")


def _shown(number: float) -> str:
    return plain_number(float(f"{number:.4g}"))
