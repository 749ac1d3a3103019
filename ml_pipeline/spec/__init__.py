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
from ml_pipeline.spec.model import POLICIES, ModelSpec, SpecSection
from ml_pipeline.spec.monitoring import Monitoring, Thresholds
from ml_pipeline.spec.policies import CoolDown, Freeze, Promotion, Retraining, Serving
from ml_pipeline.spec.rollout import Rollout
from ml_pipeline.spec.sections import (
    Backtest,
    Contract,
    Decision,
    Estimator,
    Evaluation,
    FeatureBlock,
    Features,
    Source,
    Split,
    Target,
)

__all__ = [
    "POLICIES",
    "Backtest",
    "BooleanInput",
    "CategoryInput",
    "Contract",
    "CoolDown",
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
    "Retraining",
    "Rollout",
    "Serving",
    "Source",
    "SpecSection",
    "Split",
    "Target",
    "TextInput",
    "Thresholds",
]
