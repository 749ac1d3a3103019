"""The serving tables."""

from predictions.models.access import ModelLimit, TokenDetails
from predictions.models.counting import TrafficSlot, VersionCount
from predictions.models.deployments import BundleFault, Deployment, Generation, Observation
from predictions.models.prediction_log import TOKEN_LENGTH, Feedback, KeptAnswer, Prediction

__all__ = [
    "TOKEN_LENGTH",
    "BundleFault",
    "Deployment",
    "Feedback",
    "Generation",
    "KeptAnswer",
    "ModelLimit",
    "Observation",
    "Prediction",
    "TokenDetails",
    "TrafficSlot",
    "VersionCount",
]
