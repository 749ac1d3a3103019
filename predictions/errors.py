"""What can go wrong between a request and its answer, beyond what `ml_pipeline.errors` names."""

from collections.abc import Mapping
from typing import Any

from ml_pipeline.errors import CodesoftError


class NoLiveVersion(CodesoftError):
    """The model is known, but none of its versions serves."""

    code = "no_live_version"
    retryable = True


class UnknownVersion(CodesoftError):
    """There is no such version of the model, or none that may be asked for."""

    code = "unknown_version"


class VersionNotServed(CodesoftError):
    """The version served once, but this process cannot answer with it now."""

    code = "version_not_served"
    retryable = True


class NotReady(CodesoftError):
    """This process has not yet learned what serves: neither the database nor a snapshot file could be read."""

    code = "not_ready"
    retryable = True


class SpoolFull(CodesoftError):
    """The prediction log's spool holds as much as it may: an answer could not be remembered."""

    code = "spool_full"
    retryable = True


class NotANumber(CodesoftError):
    """A model's answer is not a probability. It is neither given nor logged."""

    code = "not_a_number"


class ModelFailed(CodesoftError):
    """The version that should answer broke on this request. It is counted against the version; nothing is logged."""

    code = "model_failed"


class InvalidIdempotencyKey(CodesoftError):
    """The header `Idempotency-Key` is empty, too long, or not visible ASCII."""

    code = "invalid_idempotency_key"


class IdempotencyKeyReused(CodesoftError):
    """The key was used for another request in the last 24 hours."""

    code = "idempotency_key_reused"


class AnswerInProgress(CodesoftError):
    """The same request, under the same key, has not been answered yet."""

    code = "answer_in_progress"
    retryable = True


class IdempotencyUnavailable(CodesoftError):
    """The database, which a request with a key needs, does not answer in time."""

    code = "idempotency_unavailable"
    retryable = True


class MalformedBody(CodesoftError):
    """The request's body is not strict JSON."""

    code = "malformed_body"


class InvalidRequest(CodesoftError):
    """The body is JSON, but not a prediction request. `details["fields"]` names each wrong key."""

    code = "invalid_request"


class BodyTooLarge(CodesoftError):
    """The request's body is larger than the configured limit."""

    code = "body_too_large"


class TooManyRows(CodesoftError):
    """The request asks for more predictions at once than the configured limit."""

    code = "too_many_rows"


class ScopeMissing(CodesoftError):
    """The token may not do this. `details` names the scope that is missing, and the model that it is missing on."""

    code = "scope_missing"


class RateLimited(CodesoftError):
    """More requests a minute than the token or the model is allowed. `headers` say so in the standard's fields."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, *, headers: Mapping[str, str], **more: Any) -> None:
        super().__init__(message, **more)
        self.headers = headers


class UnknownPrediction(CodesoftError):
    """No prediction of that id is in the log, or none that the caller may see: the answer is the same."""

    code = "unknown_prediction"


class PredictionPending(CodesoftError):
    """The id is young and not in the log's table yet: its prediction may still be in a spool."""

    code = "pending"
    retryable = True


class DatabaseUnavailable(CodesoftError):
    """The database does not answer, and as many requests as may wait for it already do, or one waited long enough."""

    code = "database_unavailable"
    retryable = True


class LogUnavailable(CodesoftError):
    """The database that holds the prediction log does not answer."""

    code = "log_unavailable"
    retryable = True


class InputsNotKept(CodesoftError):
    """The log has only the hash of what was asked, or not even that: the inputs have to be sent again."""

    code = "inputs_not_kept"


class InputHashDiffers(CodesoftError):
    """These are not the inputs that were asked: `details` has both hashes."""

    code = "input_hash_differs"


class UnknownLabel(CodesoftError):
    """The model has no label of that name; `details["labels"]` are those that it has."""

    code = "unknown_label"


class VerifierBusy(CodesoftError):
    """Another bundle is being loaded to verify something else."""

    code = "verifier_busy"
    retryable = True


FAULT = "internal_error"  # as the API names what nobody expected
OUR_CODES = frozenset(
    {
        FAULT,
        *(
            cls.code
            for cls in (
                NoLiveVersion,
                NotReady,
                SpoolFull,
                NotANumber,
                ModelFailed,
                DatabaseUnavailable,
                LogUnavailable,
                IdempotencyUnavailable,
                VerifierBusy,
            )
        ),
    }
)
"""Codes of requests that failed by no fault of their callers: the API answers them with 5xx."""
