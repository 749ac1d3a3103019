"""Candidate and champion in one picture: their curves on the same held-out rows, and what each threshold would give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.learning.curves import plot_records
from ml_pipeline.learning.metrics import Costs, Floats, Scored, metric_values
from ml_pipeline.scores import HeldOutScores
from ml_pipeline.spec import Decision

_CURVES = ("roc", "precision_recall", "calibration")
_SHOWN = ("accuracy", "f1", "precision", "recall", "expected_cost")
_DIGITS = 6


def compared_curves(
    scores: HeldOutScores, *, labels: Sequence[str], decision: Decision, threshold: float | None
) -> dict[str, Any]:
    """Curves of both models (`champion` is null without one), and the threshold tables of a binary candidate and of it.

    Both stand on the rows that the champion answered, where there is one: what differs is then the model alone.
    """
    champion, binary = scores.champion, threshold is not None
    candidate = scores.candidate if champion is None else scores.candidate_where_compared
    return {
        "rows": len(candidate),
        "candidate": _curves(candidate, labels, decision),
        "champion": None if champion is None else _curves(champion, labels, decision),
        "thresholds": threshold_table(candidate, champion, decision, threshold) if binary else [],
        "champion_thresholds": threshold_table(champion, None, decision) if binary and champion else [],
    }


def threshold_table(
    candidate: Scored, champion: Scored | None, decision: Decision, own: float | None = None
) -> list[dict[str, float | int | bool | None]]:
    """Each hundredth and the candidate's `own` threshold, rising: what deciding there would give on the held-out rows.

    `flips` counts rows that the champion decides otherwise. `own` marks the row of the bundle's threshold.
    """
    grid = sorted({*(round(step / 100, 2) for step in range(1, 100)), *([] if own is None else [own])})
    return [
        {
            "threshold": threshold,
            "own": threshold == own,
            **_at(candidate, threshold, decision),
            "flips": None if champion is None else int((_decided(candidate, threshold) != champion.decisions).sum()),
        }
        for threshold in grid
    ]


def _at(scored: Scored, threshold: float, decision: Decision) -> dict[str, float]:
    redecided = Scored(scored.labels, _decided(scored, threshold), scored.probabilities)
    values = metric_values(redecided, Costs.of(decision))
    return {name: round(values[name], _DIGITS) for name in _SHOWN}


def _decided(scored: Scored, threshold: float) -> NDArray[np.int64]:
    return (_positive(scored) >= threshold).astype(np.int64)


def _positive(scored: Scored) -> Floats:
    return scored.probabilities[:, 1]


def _curves(scored: Scored, labels: Sequence[str], decision: Decision) -> dict[str, list[dict[str, Any]]]:
    records = plot_records(scored, labels, decision)
    return {name: [_rounded(record) for record in records[name]] for name in _CURVES}


def _rounded(record: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in record.items()}
