"""Plots of held-out decisions as records: lists of mappings whose first key is the horizontal axis.

`dvc plots` reads them, and so does whoever draws pictures of them. Multi-class curves stand one label against the rest,
told apart by `label`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.learning.decision import threshold_curve
from ml_pipeline.learning.metrics import Floats, Scored, ratio
from ml_pipeline.spec import Decision

Records = list[dict[str, Any]]

_MOST_POINTS = 201
_BINS = 10


def plot_records(scored: Scored, labels: Sequence[str], decision: Decision) -> dict[str, Records]:
    """Every plot by its file's name. `labels` names the classes."""
    rankings = [(label, *_counts_from_above(scored, index)) for index, label in _curve_labels(scored, labels)]
    several = len(rankings) > 1
    return {
        "roc": [record for ranking in rankings for record in _named(several, ranking[0], _roc(*ranking[1:]))],
        "precision_recall": [
            record for ranking in rankings for record in _named(several, ranking[0], _precision_recall(*ranking[1:]))
        ],
        "calibration": _calibration(scored),
        "confusion": [
            {"actual": labels[actual], "predicted": labels[predicted]}
            for actual, predicted in zip(scored.labels, scored.decisions, strict=True)
        ],
        "threshold": _confidence(scored) if several else _threshold(scored, decision),
    }


def _curve_labels(scored: Scored, labels: Sequence[str]) -> list[tuple[int, str]]:
    return [(index, labels[index]) for index in scored.classes]


def _named(several: bool, label: str, records: Records) -> Records:
    return [{**record, "label": label} for record in records] if several else records


def _counts_from_above(scored: Scored, label: int) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each distinct score, falling; before them a row of zeros."""
    scores, position = np.unique(-scored.probabilities[:, label], return_inverse=True)
    actual = scored.labels == label
    found = np.cumsum(np.bincount(position, weights=actual, minlength=len(scores)))
    wrong = np.cumsum(np.bincount(position, weights=~actual, minlength=len(scores)))
    return np.concatenate([[0.0], found]), np.concatenate([[0.0], wrong])


def _roc(found: Floats, wrong: Floats) -> Records:
    columns = {
        "false_positive_rate": ratio(wrong, np.full_like(wrong, wrong[-1])),
        "true_positive_rate": ratio(found, np.full_like(found, found[-1])),
    }
    return _records(columns)


def _precision_recall(found: Floats, wrong: Floats) -> Records:
    columns = {
        "recall": ratio(found, np.full_like(found, found[-1]))[1:],
        "precision": ratio(found, found + wrong)[1:],
    }
    return _records(columns)


def _calibration(scored: Scored) -> Records:
    """Mean probability and share of right labels in bins of equal width; multi-class bins hold every label's."""
    columns = list(scored.classes)
    probabilities = scored.probabilities[:, columns].ravel()
    actual = (scored.labels[:, None] == np.array(columns)).ravel()
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    return [
        {
            "mean_probability": float(probabilities[bins == number].mean()),
            "share_of_label": float(actual[bins == number].mean()),
        }
        for number in np.unique(bins)
    ]


def _threshold(scored: Scored, decision: Decision) -> Records:
    return threshold_curve(scored.labels, scored.probabilities[:, 1], decision).points(_MOST_POINTS)


def _confidence(scored: Scored) -> Records:
    """A multi-class model has no threshold; the plot shows what answering above a confidence alone would give."""
    confidence = scored.probabilities.max(axis=1)
    right = scored.labels == scored.decisions
    levels = np.linspace(0.0, 1.0, _BINS * 2, endpoint=False)
    answered: list[NDArray[np.bool_]] = [confidence >= level for level in levels]
    return [
        {"threshold": float(level), "accuracy": float(right[rows].mean()), "coverage": float(rows.mean())}
        for level, rows in zip(levels, answered, strict=True)
        if rows.any()
    ]


def _records(columns: dict[str, Floats]) -> Records:
    """Columns as records, thinned evenly, the ends kept."""
    size = len(next(iter(columns.values())))
    chosen = np.unique(np.linspace(0, size - 1, _MOST_POINTS).round().astype(int))
    return [{name: float(values[index]) for name, values in columns.items()} for index in chosen]
