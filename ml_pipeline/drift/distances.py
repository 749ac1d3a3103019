"""How far two counts of the same cells lie apart, for many pairs of counts at once.

Each function takes counts of the reference and of the window (draws × cells) and gives one value a draw, from 0 (the
same) to 1. The first draw of a calibration and the thousandth go through the same code as the counts that are judged.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.learning.metrics import ratio

Floats = NDArray[np.float64]


def jensen_shannon(reference: Floats, window: Floats) -> Floats:
    """The Jensen-Shannon distance: the root of the divergence (Lin 1991), with logarithms to base 2."""
    p, q = _shares(reference), _shares(window)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    result: Floats = np.sqrt(np.clip(divergence, 0.0, 1.0))
    return result


def of_frequent(least: int) -> Callable[[Floats, Floats], Floats]:
    """`jensen_shannon`, with every cell that counts fewer than `least` in the reference added to the last one.

    Which cells are frequent enough is chosen anew in each draw of a calibration, as it was in the reference: the rarest
    of the chosen are chosen for their luck, have less of it in any other sample, and chance has to know.
    """

    def distance(reference: Floats, window: Floats) -> Floats:
        rare = reference < least
        rare[:, -1] = False
        return jensen_shannon(_grouped(reference, rare), _grouped(window, rare))

    return distance


def total_variation(reference: Floats, window: Floats) -> Floats:
    """Half the sum of the absolute differences of shares: the largest difference that any set of cells has."""
    result: Floats = np.abs(_shares(reference) - _shares(window)).sum(axis=1) / 2
    return result


def share_difference(reference: Floats, window: Floats) -> Floats:
    """The absolute difference of the share that the first of two cells has."""
    result: Floats = np.abs(_first(window) - _first(reference))
    return result


def share_drop(reference: Floats, window: Floats) -> Floats:
    """By how much the first cell's share is smaller in the window; 0 where it is not."""
    result: Floats = np.maximum(0.0, _first(reference) - _first(window))
    return result


def _grouped(counts: Floats, rare: NDArray[np.bool_]) -> Floats:
    grouped = np.where(rare, 0.0, counts)
    grouped[:, -1] += np.where(rare, counts, 0.0).sum(axis=1)
    return grouped


def _shares(counts: Floats) -> Floats:
    return ratio(counts, counts.sum(axis=1, keepdims=True))


def _first(counts: Floats) -> Floats:
    return ratio(counts[:, 0], counts.sum(axis=1))


def _relative_entropy(p: Floats, middle: Floats) -> Floats:
    """In bits; a cell that `p` does not have adds nothing."""
    logarithm = np.log2(ratio(p, middle), out=np.zeros_like(p), where=p > 0)
    result: Floats = (p * logarithm).sum(axis=1)
    return result
