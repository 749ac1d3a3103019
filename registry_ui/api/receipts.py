"""The doors to one logged prediction: its receipt, asking it again, and the true label."""

from typing import Any, ClassVar, cast

from django.db import InterfaceError, OperationalError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.parsing import read_json
from predictions.api.schema_errors import CODES, EVERYWHERE, WITH_A_BODY
from predictions.authentication import Caller
from predictions.errors import DatabaseUnavailable, LogUnavailable
from predictions.prediction_log.ids import parse_id
from predictions.scopes import FEEDBACK, READ
from predictions.verification import verify
from registry_ui.api.base import as_json
from registry_ui.api.receipt_shapes import (
    FeedbackRequest,
    FeedbackShape,
    ReceiptShape,
    VerificationShape,
    VerifyRequest,
)
from registry_ui.selectors import prediction_of, receipt_of
from registry_ui.selectors.receipts import caller_sees_inputs
from registry_ui.services.feedback import feedback_give

_VERIFY_ERRORS = ("invalid_inputs", "inputs_not_kept", "input_hash_differs", "invalid_bundle", "verifier_busy")
_ID = OpenApiParameter("prediction", OpenApiTypes.UUID, OpenApiParameter.PATH, description="As the answer gave it.")


def _fails(*codes: str) -> dict[str, Any]:
    return {CODES: [*EVERYWHERE, "unknown_prediction", "log_unavailable", *codes]}


class LogView(ApiView):
    """These need the database, which predictions do without: while it is away they say so, and when to come again."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, OperationalError | InterfaceError | DatabaseUnavailable):
            exc = LogUnavailable("The prediction log does not answer.", advice="Predictions go on; ask again later.")
        return super().handle_exception(exc)


class ReceiptView(LogView):
    """`GET /api/v1/predictions/<id>`"""

    @extend_schema(
        operation_id="get_receipt",
        tags=["predictions"],
        parameters=[_ID],
        responses={200: ReceiptShape},
        extensions=_fails("pending"),
    )
    def get(self, request: Request, prediction: str) -> Response:
        """The receipt of a prediction: what was answered, and the version, run, commit and data behind it."""
        row = prediction_of(prediction_id=parse_id(prediction), caller=_caller(request), scope=READ)
        shows_inputs = row.inputs is not None and caller_sees_inputs(_caller(request), row)
        return as_json(ReceiptShape.of(receipt_of(row), shows_inputs=shows_inputs))


class VerifyView(LogView):
    """`POST /api/v1/predictions/<id>/verify`"""

    scopes: ClassVar = {"POST": READ}

    @extend_schema(
        operation_id="verify_prediction",
        tags=["predictions"],
        parameters=[_ID],
        request=VerifyRequest,
        responses={200: VerificationShape},
        extensions=_fails("pending", *WITH_A_BODY, *_VERIFY_ERRORS),
    )
    def post(self, request: Request, prediction: str) -> Response:
        """Ask the same again of the very bundle that answered, whether or not it still serves."""
        body = read_json(request._request)
        asked = VerifyRequest() if body is None else VerifyRequest.parse(body)
        row = prediction_of(prediction_id=parse_id(prediction), caller=_caller(request), scope=READ)
        return as_json(VerificationShape.of(row, verify(prediction=row, inputs=asked.inputs)))


class FeedbackView(LogView):
    """`POST /api/v1/predictions/<id>/feedback`"""

    scopes: ClassVar = {"POST": FEEDBACK}

    @extend_schema(
        operation_id="give_feedback",
        tags=["predictions"],
        parameters=[_ID],
        request=FeedbackRequest,
        responses={
            200: OpenApiResponse(FeedbackShape, "Told before; the label that was told last holds."),
            201: OpenApiResponse(FeedbackShape, "The first label of this prediction."),
            202: OpenApiResponse(FeedbackShape, "Kept until the prediction is in the log, and checked then."),
        },
        extensions=_fails(*WITH_A_BODY, "unknown_label"),
    )
    def post(self, request: Request, prediction: str) -> Response:
        """Tell the true label. The same again changes nothing; another one replaces it and keeps the earlier."""
        asked = FeedbackRequest.parse(read_json(request._request))
        feedback, first = feedback_give(prediction_id=parse_id(prediction), label=asked.label, caller=_caller(request))
        return as_json(FeedbackShape.of(feedback), status=202 if not feedback.model else 201 if first else 200)


def _caller(request: Request) -> Caller:
    """Who asks: no view here is open to nobody."""
    return cast(Caller, request.user)
