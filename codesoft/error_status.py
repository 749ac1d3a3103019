"""The one table from an error's class to its HTTP status. A class that is not listed has its nearest base's."""

import structlog
from django.db import InterfaceError, OperationalError

from ml_pipeline import errors as pipeline
from ml_pipeline.errors import CodesoftError
from predictions import errors as predictions
from predictions.api.schema_errors import DocumentedError
from registry_ui import errors as registry

_log = structlog.get_logger(__name__)

STATUS: dict[type[CodesoftError], int] = {
    CodesoftError: 500,
    pipeline.UnknownModel: 404,
    pipeline.InvalidInputs: 400,
    pipeline.InvalidSpec: 400,
    pipeline.InvalidBundle: 409,
    pipeline.InvalidSource: 409,
    pipeline.ContractBroken: 409,
    pipeline.NotEnoughData: 409,
    pipeline.UnreachableRequirement: 409,
    pipeline.SourceUnavailable: 503,
    pipeline.TrackingUnavailable: 503,
    pipeline.RunFailed: 500,
    pipeline.RunKilled: 500,
    predictions.MalformedBody: 400,
    predictions.InvalidRequest: 400,
    predictions.BodyTooLarge: 413,
    predictions.TooManyRows: 413,
    predictions.NoLiveVersion: 503,
    predictions.NotReady: 503,
    predictions.UnknownVersion: 404,
    predictions.VersionNotServed: 409,
    predictions.SpoolFull: 503,
    predictions.UnknownPrediction: 404,
    predictions.PredictionPending: 202,
    predictions.DatabaseUnavailable: 503,
    predictions.LogUnavailable: 503,
    predictions.InputsNotKept: 409,
    predictions.InputHashDiffers: 409,
    predictions.UnknownLabel: 400,
    predictions.VerifierBusy: 503,
    predictions.NotANumber: 500,
    predictions.ModelFailed: 500,
    predictions.InvalidIdempotencyKey: 400,
    predictions.IdempotencyKeyReused: 422,
    predictions.AnswerInProgress: 409,
    predictions.IdempotencyUnavailable: 503,
    predictions.ScopeMissing: 403,
    predictions.RateLimited: 429,
    registry.PermissionRefused: 403,
    registry.FourEyesRefused: 403,
    registry.ReasonRequired: 400,
    registry.InvalidShare: 400,
    registry.InvalidSchedule: 400,
    registry.InvalidPlan: 400,
    registry.UnknownRun: 404,
    registry.WrongState: 409,
    registry.StaleGeneration: 409,
    registry.IncompatibleInputs: 409,
    registry.Frozen: 409,
    registry.Troubled: 409,
    registry.StaleRecommendation: 409,
    registry.RunActive: 409,
    registry.RunFenced: 409,
    registry.TaskFenced: 409,
    registry.HookRefused: 401,
    registry.InvalidThreshold: 400,
    registry.InvalidRecalibration: 400,
    registry.InvalidUpload: 400,
    registry.UnknownToken: 404,
    registry.InvalidToken: 400,
    registry.EvidenceBroken: 500,
    registry.AuditBroken: 500,
    registry.NotificationUndelivered: 503,
}

# What the framework itself refuses, by code (`codesoft.api_errors`, `codesoft.error_pages`).
FRAMEWORK: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be understood, or its Host is not ours."),
    "not_authenticated": (401, "No token was sent."),
    "authentication_failed": (401, "The token is unknown, revoked or expired, or the header is not well-formed."),
    "permission_denied": (403, "The caller may not do this."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "Another method is needed; `Allow` names it."),
    "unsupported_media_type": (415, "The body must be `application/json`."),
    "internal_error": (500, "A fault of ours. It has been logged."),
}

ADVICE: dict[int, str] = {
    400: "Change the request: the same one fails again.",
    401: "Send a valid token.",
    403: "Ask somebody who may, or for the permission.",
    404: "Check the address.",
    405: "Use a method that `Allow` names.",
    409: "Look at the present state, which `details` names, and decide anew.",
    413: "Send less at once.",
    415: "Send JSON, and say so in `Content-Type`.",
    422: "Use a fresh key for another request.",
    500: "Do not repeat it blindly: tell whoever runs the server.",
    503: "Send the same again after `Retry-After` seconds.",
}
_ADVICE_ON: dict[type[CodesoftError], str] = {
    registry.HookRefused: "Sign with the server's secret, and at once.",
    registry.FourEyesRefused: "Ask somebody else to decide.",
    registry.StaleRecommendation: "Train anew: the run compares with the version that serves then.",
    pipeline.InvalidInputs: "Correct the fields named in `details`: nothing was predicted.",
}
RETRY_AFTER_SECONDS = 5


def error_of_ours(error: BaseException | None) -> CodesoftError | None:
    """What somebody can act on: an error of ours, or a database that does not answer. None for a fault."""
    if isinstance(error, OperationalError | InterfaceError):
        _log.error("database.unavailable", exc_info=error)
        return predictions.DatabaseUnavailable(
            "The database does not answer.", advice="Try again in a few seconds. Predictions go on meanwhile."
        )
    return error if isinstance(error, CodesoftError) else None


def status_of(error: CodesoftError) -> int:
    """The status of an error, by the nearest class in the table."""
    return next(STATUS[base] for base in type(error).__mro__ if base in STATUS)


def retry_headers(error: CodesoftError) -> dict[str, str]:
    """`Retry-After` where the same call may succeed later; beyond a limit, with the fields that say which."""
    if isinstance(error, predictions.RateLimited):
        return dict(error.headers)
    return {"Retry-After": str(RETRY_AFTER_SECONDS)} if error.retryable else {}


def documented_errors() -> list[DocumentedError]:
    """Every error, what it means and what a client should do, by status and code: what the documentation is made of."""
    ours = [
        DocumentedError(cls.code, status, _first_paragraph(cls), _advice(cls, status))
        for cls, status in STATUS.items()
        if cls is not CodesoftError
    ]
    framework = [DocumentedError(code, status, text, ADVICE[status]) for code, (status, text) in FRAMEWORK.items()]
    return sorted([*ours, *framework], key=lambda one: (one.status, one.code))


def _first_paragraph(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


def _advice(cls: type[CodesoftError], status: int) -> str:
    if cls in _ADVICE_ON:
        return _ADVICE_ON[cls]
    return ADVICE[503] if cls.retryable else ADVICE[status]
