"""What is measured of a field: rows become counts in cells, and two samples' counts a distance.

A row's cells do not depend on other rows, so that the counts of a bootstrap draw are a weighted sum of rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ml_pipeline.drift.distances import Floats

Kind = Literal[
    "distribution",
    "missing",
    "unknown",
    "length",
    "vocabulary",
    "classifier",
    "labels",
    "probability",
    "expected_accuracy",
    "live_performance",
]
Distance = Callable[[Floats, Floats], Floats]
Values = Sequence[Any]


@dataclass(frozen=True)
class Measure:
    """One statistic of one field (empty: of the model as a whole), prepared on the reference.

    `count` gives a sparse matrix (rows × cells). `cells` are the cells' names, or empty where a picture says nothing.
    """

    kind: Kind
    field: str
    count: Callable[[Values], sparse.csr_matrix]
    distance: Distance
    cells: tuple[str, ...] = ()


def one_cell_each(places: NDArray[np.int64], cells: int) -> sparse.csr_matrix:
    """Each row counts once, in the cell of its place; a negative place counts nowhere."""
    rows = np.flatnonzero(places >= 0)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, places[rows])), shape=(len(places), cells))


def columns(*values: Sequence[float] | NDArray[Any]) -> sparse.csr_matrix:
    """A matrix from its columns."""
    return sparse.csr_matrix(np.column_stack([np.asarray(column, dtype=np.float64) for column in values]))
