"""What a model is: declared in one block of `params.yaml`, validated here, read by everything else."""

from ml_pipeline.spec.inputs import (
    BooleanInput,
    CategoryInput,
    DatetimeInput,
    InputField,
    IntegerInput,
    NumberInput,
    TextInput,
)
from ml_pipeline.spec.model import ModelSpec, SpecSection
from ml_pipeline.spec.monitoring import Monitoring, Thresholds
from ml_pipeline.spec.sections import (
    Backtest,
    Contract,
    Decision,
    Estimator,
    Evaluation,
    FeatureBlock,
    Features,
    Freeze,
    Promotion,
    Serving,
    Source,
    Split,
    Target,
)

__all__ = [
    "Backtest",
    "BooleanInput",
    "CategoryInput",
    "Contract",
    "DatetimeInput",
    "Decision",
    "Estimator",
    "Evaluation",
    "FeatureBlock",
    "Features",
    "Freeze",
    "InputField",
    "IntegerInput",
    "ModelSpec",
    "Monitoring",
    "NumberInput",
    "Promotion",
    "Serving",
    "Source",
    "SpecSection",
    "Split",
    "Target",
    "TextInput",
    "Thresholds",
]
