"""The registry's tables. `registry_ui.services` alone writes them."""

from registry_ui.models.audit import AuditEntry, AuditHead
from registry_ui.models.decisions import ApprovalRequest, Decision, ModelPolicy
from registry_ui.models.drift import DriftReport
from registry_ui.models.mirror import ForeignChange, MirrorState, OutboxEntry
from registry_ui.models.notifications import Notification
from registry_ui.models.shadows import ShadowComparison
from registry_ui.models.trials import GuardRound, VersionTrial
from registry_ui.models.versions import ModelVersion
from registry_ui.models.watching import FeedbackUpload, LabelledDay
from registry_ui.models.work import BackgroundTask, BrokerContact, PipelineRun, Trigger

__all__ = [
    "ApprovalRequest",
    "AuditEntry",
    "AuditHead",
    "BackgroundTask",
    "BrokerContact",
    "Decision",
    "DriftReport",
    "FeedbackUpload",
    "ForeignChange",
    "GuardRound",
    "LabelledDay",
    "MirrorState",
    "ModelPolicy",
    "ModelVersion",
    "Notification",
    "OutboxEntry",
    "PipelineRun",
    "ShadowComparison",
    "Trigger",
    "VersionTrial",
]
