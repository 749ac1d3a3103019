"""What a model was trained on, in figures that name no person: shares, quantiles, frequent categories.

Two profiles beside each other show what changed in the data between two versions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from ml_pipeline.inputs import Value, format_moment
from ml_pipeline.rows import LabelledRows
from ml_pipeline.spec import InputField

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_MOST_CATEGORIES = 20
_FEWEST_ROWS = 5  # a rarer category may name a person: it counts among the others
_DIGITS = 6


def profile_rows(labelled: LabelledRows, *, inputs: Mapping[str, InputField], labels: Sequence[str]) -> dict[str, Any]:
    """Rows, label shares, and for each input its missing share and its distribution."""
    counts = Counter(labelled.labels)
    return {
        "rows": len(labelled),
        "labels": {label: _share(counts[number], len(labelled)) for number, label in enumerate(labels)},
        "inputs": {name: _input([row[name] for row in labelled.rows], field) for name, field in inputs.items()},
    }


def _input(values: Sequence[Value], field: InputField) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    profile = {"type": field.type, "missing": _share(len(values) - len(present), len(values))}
    return profile | (_distribution(present, field.type) if present else {})


def _distribution(values: list[Any], kind: str) -> dict[str, Any]:
    if kind in ("number", "integer"):
        return {"quantiles": _quantiles(values)}
    if kind == "text":
        return {"lengths": _quantiles([len(text) for text in values])}
    if kind == "datetime":
        return {"range": [format_moment(min(values)), format_moment(max(values))]} if _moments(values) else {}
    return {"categories": _categories([str(value).lower() if kind == "boolean" else str(value) for value in values])}


def _moments(values: list[Any]) -> bool:
    return all(isinstance(value, datetime) for value in values)


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    """Quantile (as text) → value. The ends of a text's length and of a number are figures, not persons."""
    found = np.quantile(np.asarray(values, dtype=np.float64), _QUANTILES)
    return {f"{quantile:g}": round(float(value), _DIGITS) for quantile, value in zip(_QUANTILES, found, strict=True)}


def _categories(words: Sequence[str]) -> dict[str, float]:
    """The most frequent categories with their shares, by falling share; the rest is what is missing to 1."""
    ranked = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
    kept = [(word, count) for word, count in ranked[:_MOST_CATEGORIES] if count >= _FEWEST_ROWS]
    return {word: _share(count, len(words)) for word, count in kept}


def _share(count: int, whole: int) -> float:
    return round(count / whole, _DIGITS) if whole else 0.0
