"""What the registry refuses, and why. 403 (may not) and 409 (not in this state) are different errors."""

from ml_pipeline.errors import CodesoftError


class PermissionRefused(CodesoftError):
    """The actor may not do this. `details["permission"]` names what is missing."""

    code = "permission_refused"


class ReasonRequired(CodesoftError):
    """A decision without a reason, or with one that is too long."""

    code = "reason_required"


class UnknownVersion(CodesoftError):
    """The model has no version of that number."""

    code = "unknown_version"


class UnknownRun(CodesoftError):
    """The model has no pipeline run of that id."""

    code = "unknown_run"


class WrongState(CodesoftError):
    """The version or the run is in a state from which this transition does not exist."""

    code = "wrong_state"


class StaleGeneration(CodesoftError):
    """Something else went live since the caller looked. `details["meanwhile"]` lists what happened."""

    code = "stale_generation"


class StaleRecommendation(CodesoftError):
    """The candidate was compared with another version than the one that serves now: evaluate it again."""

    code = "stale_recommendation"
    retryable = True


class RunActive(CodesoftError):
    """The model has an unfinished pipeline run already; `details["run"]` is its id."""

    code = "run_active"


class RunFenced(CodesoftError):
    """This attempt of a run is no longer the current one: nothing of it may be imported."""

    code = "run_fenced"


class TaskFenced(CodesoftError):
    """This attempt of a background task is no longer the current one: what it found is not kept."""

    code = "task_fenced"


class AuditBroken(CodesoftError):
    """The audit log is not the chain that was written. `details["sequence"]` is the first bad entry."""

    code = "audit_broken"


class NotificationUndelivered(CodesoftError):
    """A message could not be handed over; its row says why, and it is tried again."""

    code = "notification_undelivered"
    retryable = True
