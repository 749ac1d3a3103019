"""skops files whose bytes depend on the object alone, and loading them with a fixed list of trusted types.

skops names its entries and numbers its nodes by memory address and stamps the zip with the clock. `dump` writes the
same object graph with numbers in order of appearance, entries in that order, and one fixed date.
"""

import io
import json
import zipfile
from typing import Any

import skops.io

from ml_pipeline.errors import InvalidBundle

# Types that skops does not trust by itself and that the allow-listed families need. Each was read: none runs code while
# it is built. Nothing else is ever loaded, whatever a file asks for.
TRUSTED_TYPES = (
    "numpy.dtype",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def dump(value: Any) -> bytes:
    """A skops file of scikit-learn, NumPy and plain Python values, byte for byte the same for the same value."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(value))) as source:
        schema = json.loads(source.read("schema.json"))
        numbering = _Numbering()
        numbering.visit(schema)
        entries = [(new, source.read(old)) for old, new in numbering.files.items()]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in [*entries, ("schema.json", json.dumps(schema, separators=(",", ":")).encode())]:
            info = zipfile.ZipInfo(name, _ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return target.getvalue()


def load(data: bytes) -> Any:
    """The value in a skops file; InvalidBundle where it holds a type that our code does not list."""
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED_TYPES))
        if foreign:
            raise InvalidBundle(
                f"The bundle's model holds types that are never loaded: {', '.join(foreign)}.",
                advice="Train it again with an allow-listed estimator.",
                details={"types": foreign},
            )
        return skops.io.loads(data, trusted=list(TRUSTED_TYPES))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidBundle(f"The bundle's model is not a readable skops file: {error}.") from error


class _Numbering:
    """Renumbers a skops schema in place, in order of appearance."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self._ids: dict[int, int] = {}
        self._next = 0

    def visit(self, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                self.visit(item)
        elif isinstance(node, dict):
            if "__id__" in node:
                node["__id__"] = self._number(node)
            if isinstance(node.get("file"), str):
                node["file"] = self.files.setdefault(node["file"], f"{len(self.files)}{_suffix(node['file'])}")
            for item in node.values():
                self.visit(item)

    def _number(self, node: dict[str, Any]) -> int:
        """Shared objects keep one number. JSON leaves never share: which equal strings are one object is chance."""
        known = None if node.get("is_json") else self._ids.get(node["__id__"])
        if known is not None:
            return known
        self._next += 1
        if not node.get("is_json"):
            self._ids[node["__id__"]] = self._next
        return self._next


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2] if "." in name else ""
