"""The scikit-learn pipeline of a bundle: what was fitted, as it was fitted. Slow to import and to run, always right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml_pipeline.bundle import skops_files
from ml_pipeline.inputs import Row
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.recalibration import Recalibration, in_turn
from ml_pipeline.spec import Features


class Pipeline:
    """Encoder and estimator from a bundle's model file, and what its manifest puts right about their probabilities."""

    def __init__(
        self,
        model: bytes,
        features: Features,
        cleaning: Mapping[str, Sequence[str]],
        recalibrations: Sequence[Recalibration] = (),
    ) -> None:
        fitted = skops_files.load(model)
        self.encoder = Encoder.restored(features.blocks, cleaning, fitted["encoder"])
        self.estimator: Any = fitted["estimator"]
        self._recalibrations = recalibrations

    def probabilities(self, rows: Sequence[Row]) -> list[list[float]]:
        """One line a row, one probability a label."""
        matrix = self.encoder.transform(self.encoder.clean(rows))
        lines: list[list[float]] = np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64).tolist()
        if not self._recalibrations:
            return lines
        right = map(in_turn(self._recalibrations), (positive for _, positive in lines))
        return [[1.0 - positive, positive] for positive in right]

    def unknown(self, row: Row) -> list[str]:
        """Category fields whose word was never seen in training."""
        return self.encoder.unknown(row)
