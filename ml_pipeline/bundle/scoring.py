"""Judging a bundle by raw rows, through the very path that serves: validate, then `ModelBundle.predict`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.model_bundle import Answer, ModelBundle
from ml_pipeline.errors import InvalidInputs
from ml_pipeline.inputs import Row
from ml_pipeline.learning.metrics import Floats, Indices, Scored


@dataclass(frozen=True)
class Judged:
    """A bundle's answers to the rows that it takes (`answered`); from the others it abstains."""

    answered: NDArray[np.bool_]
    scored: Scored

    @property
    def refused(self) -> int:
        return int((~self.answered).sum())


def judge(bundle: ModelBundle, rows: Sequence[Row], labels: Indices, *, classes: Sequence[str]) -> Judged:
    """Score rows that may hold more fields than the bundle reads, or fewer (those are missing).

    `labels` are indices into `classes`, whose order the result's probabilities take; the bundle knows the same labels.
    """
    asked = [{name: row.get(name) for name in bundle.inputs} for row in rows]
    answered = _takes(bundle, asked)
    taken = bundle.validate([row for row, takes in zip(asked, answered, strict=True) if takes])
    return Judged(answered, _scored(bundle.predict(taken), bundle, labels[answered], list(classes)))


def _takes(bundle: ModelBundle, rows: list[dict[str, Any]]) -> NDArray[np.bool_]:
    takes = np.ones(len(rows), dtype=bool)
    try:
        bundle.validate(rows)
    except InvalidInputs as error:
        takes[[fault["row"] for fault in error.details["rows"]]] = False
    return takes


def _scored(answers: Sequence[Answer], bundle: ModelBundle, labels: Indices, classes: list[str]) -> Scored:
    decisions = np.array([classes.index(answer.label) for answer in answers], dtype=np.int64)
    lines = [by_class(answer, bundle.labels, classes) for answer in answers]
    probabilities: Floats = np.array(lines, dtype=np.float64).reshape(len(answers), len(classes))
    return Scored(labels, decisions, probabilities)


def by_class(answer: Answer, labels: Sequence[str], classes: Sequence[str]) -> list[float]:
    """The probabilities of an answer from a bundle with `labels`, in the order of `classes`, which are the same."""
    by_label = answer.probabilities or {labels[0]: 1 - answer.probability, labels[1]: answer.probability}
    return [by_label[label] for label in classes]
