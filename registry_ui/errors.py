"""What the registry refuses, and why. 403 (may not) and 409 (not in this state) are different errors."""

from ml_pipeline.errors import CodesoftError


class PermissionRefused(CodesoftError):
    """The actor may not do this. `details["permission"]` names what is missing."""

    code = "permission_refused"


class FourEyesRefused(PermissionRefused):
    """The actor started the run or asked for the approval: somebody else decides."""

    code = "four_eyes"


class ReasonRequired(CodesoftError):
    """A decision without a reason, or with one that is too long."""

    code = "reason_required"


class InvalidShare(CodesoftError):
    """A canary's share that is not between 0 and 1."""

    code = "invalid_share"


class InvalidSchedule(CodesoftError):
    """A cron line that cannot be read, or that names a time that never comes."""

    code = "invalid_schedule"


class InvalidPlan(CodesoftError):
    """A canary's plan that cannot be followed. `details["field"]` names what is wrong."""

    code = "invalid_plan"


class UnknownRun(CodesoftError):
    """The model has no pipeline run of that id."""

    code = "unknown_run"


class WrongState(CodesoftError):
    """The version or the run is in a state from which this transition does not exist."""

    code = "wrong_state"


class StaleGeneration(CodesoftError):
    """Something else went live since the caller looked. `details["meanwhile"]` lists what happened."""

    code = "stale_generation"


class IncompatibleInputs(CodesoftError):
    """The version refuses inputs that the champion accepts; `details["fields"]` names each with why."""

    code = "incompatible_inputs"


class Frozen(CodesoftError):
    """A freeze of the model's policy holds; `details["until"]` is when it ends."""

    code = "frozen"


class Troubled(CodesoftError):
    """The version's last service was ended for a reason; `details["decision"]` is what to acknowledge."""

    code = "rolled_back_before"


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


class HookRefused(CodesoftError):
    """A webhook without our signature, or too old. One answer for all of it: it says nothing to who has no secret."""

    code = "hook_refused"


class InvalidThreshold(CodesoftError):
    """Nothing can be decided at this threshold, or it is the one that the version has."""

    code = "invalid_threshold"


class InvalidRecalibration(CodesoftError):
    """Probabilities changed like this would no longer rise with the model's own."""

    code = "invalid_recalibration"


class InvalidUpload(CodesoftError):
    """A file of labels that cannot be read as a whole: nothing of it was kept."""

    code = "invalid_upload"


class UnknownToken(CodesoftError):
    """There is no API token of that fingerprint, or it is somebody else's."""

    code = "unknown_token"


class InvalidToken(CodesoftError):
    """An API token or a limit that cannot be. `details["field"]` names what is wrong."""

    code = "invalid_token"


class EvidenceBroken(CodesoftError):
    """Kept evidence is missing, or is not what was kept. `details["file"]` names the file in the bundle store."""

    code = "evidence_broken"


class AuditBroken(CodesoftError):
    """The audit log is not the chain that was written. `details["sequence"]` is the first bad entry."""

    code = "audit_broken"


class NotificationUndelivered(CodesoftError):
    """A message could not be handed over; its row says why, and it is tried again."""

    code = "notification_undelivered"
    retryable = True


class AnswerDiffers(WrongState):
    """A bundle does not answer any more what it answered once."""

    code = "answer_differs"
