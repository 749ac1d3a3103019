"""What is measured of answers: the shares of labels, the probabilities, and the accuracy that they let expect."""

from typing import Any

import numpy as np
from scipy import sparse

from ml_pipeline.drift.distances import share_drop, total_variation
from ml_pipeline.drift.fields import binned
from ml_pipeline.drift.measures import Measure, Values, columns, one_cell_each
from ml_pipeline.drift.performance import Calibrator, Reference, expected_right


def answer_measures(reference: Reference, labels: tuple[str, ...]) -> list[Measure]:
    """The measures of (label, probability) pairs, prepared on the reference's answers."""
    probabilities = np.asarray(reference.answers.probabilities)
    return [
        _label_shares(labels),
        binned("probability", "", probabilities, lambda values: np.array([value[1] for value in values], dtype=float)),
        _expected_accuracy(reference),
    ]


def _label_shares(labels: tuple[str, ...]) -> Measure:
    places = {label: place for place, label in enumerate(labels)}

    def count(values: Values) -> sparse.csr_matrix:
        return one_cell_each(np.array([places[label] for label, _ in values], dtype=np.int64), len(labels))

    return Measure("labels", "", count, total_variation, labels)


def _expected_accuracy(reference: Reference) -> Measure:
    """By how much fewer answers are expected to be right; more are no reason for an alarm."""
    calibrator = Calibrator.fitted(reference.answers.probabilities, reference.happened)

    def count(values: Values) -> Any:
        calibrated = calibrator(np.array([value[1] for value in values], dtype=np.float64))
        right = expected_right(calibrated, [label for label, _ in values], reference.positive)
        return columns(right, 1 - right)

    return Measure("expected_accuracy", "", count, share_drop, ("right", "wrong"))
