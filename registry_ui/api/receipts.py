"""The doors to one logged prediction: its receipt, asking it again, and the true label."""

from typing import Any, ClassVar, cast

from django.db import InterfaceError, OperationalError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.parsing import read_json
from predictions.authentication import Caller
from predictions.errors import LogUnavailable
from predictions.prediction_log.ids import parse_id
from predictions.scopes import FEEDBACK, READ
from predictions.verification import verify
from registry_ui.api.receipt_shapes import (
    ErrorShape,
    FeedbackRequest,
    FeedbackShape,
    ReceiptShape,
    VerificationShape,
    VerifyRequest,
)
from registry_ui.selectors import prediction_of, receipt_of
from registry_ui.selectors.receipts import caller_sees_inputs
from registry_ui.services.feedback import feedback_give

_ERRORS = {
    400: "No such request: `details` names what is wrong (`invalid_request`, `invalid_inputs`, `unknown_label`).",
    401: "No token, or one that is not valid.",
    404: "No such prediction in the log, or none that the caller may see (`unknown_prediction`).",
    405: "Another method is needed.",
    409: (
        "`inputs_not_kept`: send what was asked. `input_hash_differs`: something else was asked then. "
        "`invalid_bundle`: the version's bundle is lost or no longer gives its golden answers."
    ),
    413: "The body is too large.",
    415: "The body must be `application/json`.",
    503: "The log cannot be read or written now (`log_unavailable`), or `verifier_busy`. Try again.",
}
_PENDING = OpenApiResponse(
    ErrorShape, "`pending`: the prediction may still be on its way. `Retry-After` says when to ask."
)
_ID = OpenApiParameter("prediction", OpenApiTypes.UUID, OpenApiParameter.PATH, description="As the answer gave it.")


def _answers(success: dict[int, Any], *errors: int) -> dict[int, Any]:
    faults = {status: OpenApiResponse(ErrorShape, _ERRORS[status]) for status in (401, 404, 405, 503, *errors)}
    return {**success, **faults}


class LogView(ApiView):
    """These need the database, which predictions do without: while it is away they say so, and when to come again."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, OperationalError | InterfaceError):
            exc = LogUnavailable("The prediction log does not answer.", advice="Predictions go on; ask again later.")
        return super().handle_exception(exc)


class ReceiptView(LogView):
    """`GET /api/v1/predictions/<id>`"""

    @extend_schema(
        operation_id="get_receipt",
        tags=["predictions"],
        parameters=[_ID],
        responses=_answers({200: ReceiptShape, 202: _PENDING}),
    )
    def get(self, request: Request, prediction: str) -> Response:
        """The receipt of a prediction: what was answered, and the version, run, commit and data behind it."""
        row = prediction_of(prediction_id=parse_id(prediction), caller=_caller(request), scope=READ)
        shows_inputs = row.inputs is not None and caller_sees_inputs(_caller(request), row)
        return _json(ReceiptShape.of(receipt_of(row), shows_inputs=shows_inputs))


class VerifyView(LogView):
    """`POST /api/v1/predictions/<id>/verify`"""

    scopes: ClassVar = {"POST": READ}

    @extend_schema(
        operation_id="verify_prediction",
        tags=["predictions"],
        parameters=[_ID],
        request=VerifyRequest,
        responses=_answers({200: VerificationShape, 202: _PENDING}, 400, 409, 413, 415),
    )
    def post(self, request: Request, prediction: str) -> Response:
        """Ask the same again of the very bundle that answered, whether or not it still serves."""
        body = read_json(request._request)
        asked = VerifyRequest() if body is None else VerifyRequest.parse(body)
        row = prediction_of(prediction_id=parse_id(prediction), caller=_caller(request), scope=READ)
        return _json(VerificationShape.of(row, verify(prediction=row, inputs=asked.inputs)))


class FeedbackView(LogView):
    """`POST /api/v1/predictions/<id>/feedback`"""

    scopes: ClassVar = {"POST": FEEDBACK}

    @extend_schema(
        operation_id="give_feedback",
        tags=["predictions"],
        parameters=[_ID],
        request=FeedbackRequest,
        responses=_answers(
            {
                200: OpenApiResponse(FeedbackShape, "Told before; the label that was told last holds."),
                201: OpenApiResponse(FeedbackShape, "The first label of this prediction."),
                202: OpenApiResponse(FeedbackShape, "Kept until the prediction is in the log, and checked then."),
            },
            400,
            409,
            413,
            415,
        ),
    )
    def post(self, request: Request, prediction: str) -> Response:
        """Tell the true label. The same again changes nothing; another one replaces it and keeps the earlier."""
        asked = FeedbackRequest.parse(read_json(request._request))
        feedback, first = feedback_give(prediction_id=parse_id(prediction), label=asked.label, caller=_caller(request))
        return _json(FeedbackShape.of(feedback), status=202 if not feedback.model else 201 if first else 200)


def _caller(request: Request) -> Caller:
    """Who asks: no view here is open to nobody."""
    return cast(Caller, request.user)


def _json(shape: BaseModel, *, status: int = 200) -> Response:
    return Response(shape.model_dump(mode="json"), status=status)
