"""Compiled answers beside the pipeline's, on rows that neither saw in training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml_pipeline.bundle.model_bundle import TOLERANCE, ModelBundle
from ml_pipeline.inputs import Row


def compare_scorers(bundle: ModelBundle, rows: Sequence[Row]) -> dict[str, Any]:
    """What answers (`scorer`, and why not compiled in `note`), and the largest difference in any probability of `rows`.

    A bundle whose compiled answers differ by more than the tolerance answers by the pipeline afterwards.
    """
    asked = bundle.validate([{name: row.get(name) for name in bundle.inputs} for row in rows])
    largest = None
    if bundle.scorer == "compiled":
        differences = np.abs(bundle.probabilities(asked) - np.array(bundle.pipeline.probabilities(asked)))
        largest = float(f"{differences.max(initial=0.0):.0e}")  # one digit: the others are the machine's
        if not differences.max(initial=0.0) <= TOLERANCE:
            bundle.use_pipeline(f"compiled, its answers to held-out rows differ by up to {largest}")
    return {
        "scorer": bundle.scorer,
        "note": bundle.scorer_note,
        "rows": len(asked),
        "largest_difference": largest,
    }
