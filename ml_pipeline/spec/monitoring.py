"""The section `monitoring`: how a serving model is watched. Like `promotion` it may change without a new version."""

from typing import Annotated

from pydantic import Field

from ml_pipeline.spec.base import Declared, Number, Whole

Effect = Annotated[Number, Field(ge=0.0, le=1.0)]


class Thresholds(Declared):
    """How large a difference has to be to matter, by statistic: from 0, the same, to 1.

    `classifier` is a ROC AUC: 0.5 says that nothing tells the rows apart. `expected_accuracy` and `live_performance`
    are losses.
    """

    distribution: Effect = 0.1
    missing: Effect = 0.05
    unknown: Effect = 0.1
    length: Effect = 0.1
    vocabulary: Effect = 0.15
    classifier: Annotated[Number, Field(ge=0.5, le=1.0)] = 0.6
    labels: Effect = 0.1
    probability: Effect = 0.1
    expected_accuracy: Effect = 0.05
    live_performance: Effect = 0.05


class Monitoring(Declared):
    """The newest `window_rows` answers of the champion are compared with its held-out rows, every `every_hours`.

    Fewer than `minimum_rows` are no window: the answer is "insufficient data". `every_hours: null`: on demand alone.
    """

    minimum_rows: Whole = Field(default=200, ge=50, le=100_000)
    window_rows: Whole = Field(default=5_000, ge=50, le=100_000)
    every_hours: Annotated[Number, Field(gt=0.0, le=8_760.0)] | None = 6.0
    thresholds: Thresholds = Thresholds()
