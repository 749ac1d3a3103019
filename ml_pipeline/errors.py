"""The one base error: every fault says what was wrong, what to do, and whether trying again can help."""

from collections.abc import Mapping
from typing import Any, ClassVar


class CodesoftError(Exception):
    """A fault that somebody can act on.

    `code` is stable and machine-readable, `message` is a sentence for a person, `details` name the fields or rows,
    `advice` says what to do, `retryable` whether the same call may succeed later. Doors translate: the API to an HTTP
    status (`codesoft.error_status`), a command to an exit code.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, advice: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.details = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class InvalidSpec(CodesoftError):
    """`params.yaml` declares something that the product cannot do."""

    code = "invalid_spec"


class UnknownModel(CodesoftError):
    """No model of that name is declared or known."""

    code = "unknown_model"


class InvalidInputs(CodesoftError):
    """Inputs of a prediction break the input spec. `details["rows"]` names each bad row and field."""

    code = "invalid_inputs"


class SourceUnavailable(CodesoftError):
    """The document source did not answer, also after retries."""

    code = "source_unavailable"
    retryable = True


class InvalidSource(CodesoftError):
    """The document source is set up wrongly: a bad address, a missing collection or snapshot."""

    code = "invalid_source"


class ContractBroken(CodesoftError):
    """The documents break the data contract beyond the share that may be quarantined."""

    code = "contract_broken"


class NotEnoughData(CodesoftError):
    """Too few rows, or too few of one label, to fit or to judge a model."""

    code = "not_enough_data"


class UnreachableRequirement(CodesoftError):
    """No decision threshold meets `decision.require`. `details["best"]` gives what can be reached."""

    code = "unreachable_requirement"


class InvalidBundle(CodesoftError):
    """A bundle's bytes, hash, types or golden samples are not what its manifest says."""

    code = "invalid_bundle"


class TrackingUnavailable(CodesoftError):
    """The tracking server did not answer, or refused."""

    code = "tracking_unavailable"
    retryable = True


class RunFailed(CodesoftError):
    """A pipeline run ended without a result."""

    code = "run_failed"


class RunKilled(RunFailed):
    """A command of a run was killed from outside: by the system, most often, for want of memory."""

    code = "run_killed"
