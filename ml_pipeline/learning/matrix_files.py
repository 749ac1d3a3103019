"""The training matrix and its labels in one npz file whose bytes depend on the values alone."""

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ml_pipeline.canonical import write_bytes
from ml_pipeline.learning.encoding import Matrix

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_SPARSE_PARTS = ("data", "indices", "indptr", "shape")


def write_matrix(path: Path, matrix: Matrix, labels: NDArray[np.int64]) -> None:
    """Write both in one step. `numpy.savez` leaves the date of its entries to the Python version: not used."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in {**_parts(matrix), "labels": labels}.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, buffer.getvalue(), compresslevel=1)
    write_bytes(path, target.getvalue())


def read_matrix(path: Path) -> tuple[Matrix, NDArray[np.int64]]:
    """The matrix (rows × features) and the label index of each row."""
    with np.load(path, allow_pickle=False) as parts:
        labels = parts["labels"]
        if "dense" in parts:
            return parts["dense"], labels
        data, indices, indptr, shape = (parts[name] for name in _SPARSE_PARTS)
        return sparse.csr_matrix((data, indices, indptr), shape=tuple(shape)), labels


def _parts(matrix: Matrix) -> dict[str, NDArray[np.generic]]:
    if not sparse.issparse(matrix):
        return {"dense": np.asarray(matrix)}
    canonical = sparse.csr_matrix(matrix)
    canonical.sort_indices()
    return {
        "data": canonical.data,
        "indices": canonical.indices,
        "indptr": canonical.indptr,
        "shape": np.array(canonical.shape),
    }
