"""The one table from an error's class to its HTTP status. A class that is not listed has its nearest base's."""

from ml_pipeline import errors as pipeline
from ml_pipeline.errors import CodesoftError
from predictions import errors as predictions
from registry_ui import errors as registry

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
    predictions.LogUnavailable: 503,
    predictions.InputsNotKept: 409,
    predictions.InputHashDiffers: 409,
    predictions.UnknownLabel: 400,
    predictions.VerifierBusy: 503,
    predictions.NotANumber: 500,
    predictions.InvalidIdempotencyKey: 400,
    predictions.IdempotencyKeyReused: 422,
    predictions.AnswerInProgress: 409,
    predictions.IdempotencyUnavailable: 503,
    predictions.ScopeMissing: 403,
    predictions.RateLimited: 429,
    registry.PermissionRefused: 403,
    registry.ReasonRequired: 400,
    registry.InvalidShare: 400,
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
    registry.UnknownToken: 404,
    registry.InvalidToken: 400,
    registry.EvidenceBroken: 500,
    registry.AuditBroken: 500,
    registry.NotificationUndelivered: 503,
}

RETRY_AFTER_SECONDS = 5


def status_of(error: CodesoftError) -> int:
    """The status of an error, by the nearest class in the table."""
    return next(STATUS[base] for base in type(error).__mro__ if base in STATUS)


def retry_headers(error: CodesoftError) -> dict[str, str]:
    """`Retry-After` where the same call may succeed later; beyond a limit, with the fields that say which."""
    if isinstance(error, predictions.RateLimited):
        return dict(error.headers)
    return {"Retry-After": str(RETRY_AFTER_SECONDS)} if error.retryable else {}
