"""Bodies about one prediction: its receipt, its verification, its feedback."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from predictions.models import Feedback, Prediction
from predictions.verification import Verification
from registry_ui.api.base import StrictRequest
from registry_ui.selectors import Receipt


class FeedbackRequest(StrictRequest):
    """The true label, spelled as the model spells it."""

    label: str = Field(min_length=1, max_length=200, pattern=r"^[^\u0000]+$")


class VerifyRequest(StrictRequest):
    """Nothing, where the log kept the inputs; else what was sent then: its hash must be the logged one."""

    inputs: dict[str, Any] | None = None


class EarlierShape(BaseModel):
    """A label that was told before another one, or before somebody else confirmed it."""

    label: str
    by: str
    at: datetime


class FeedbackShape(BaseModel):
    """The true label that was told last. `pending`: kept until the prediction is in the log, and checked then;
    what others told is not shown before.
    """

    prediction: UUID
    label: str
    by: str
    at: datetime
    state: Literal["joined", "pending"]
    earlier: list[EarlierShape]

    @classmethod
    def of(cls, feedback: Feedback) -> Self:
        return cls(
            prediction=feedback.pk,
            label=feedback.label,
            by=feedback.caller,
            at=feedback.updated_at,
            state="joined" if feedback.model else "pending",
            earlier=[EarlierShape.model_validate(one) for one in feedback.earlier],
        )


class ReceiptShape(BaseModel):
    """What was answered to whom, by which version, made from what. `inputs` are null where they are not kept or not
    to be shown; `input_hash` is the SHA-256 of the canonical JSON of the checked inputs.
    """

    id: UUID
    model: str
    version: int
    route: str
    created_at: datetime
    label: str
    probability: float
    threshold: float | None
    latency_us: int
    entity_id: str | None
    caller: str
    token: str = Field(description="The beginning of the digest of the token that was sent; empty for a form.")
    bundle_hash: str
    data_hash: str | None
    run_id: str | None
    git_commit: str | None
    input_hash: str | None
    inputs: dict[str, Any] | None
    feedback: FeedbackShape | None

    @classmethod
    def of(cls, receipt: Receipt, *, shows_inputs: bool) -> Self:
        row, version = receipt.prediction, receipt.version
        return cls(
            id=row.pk,
            model=row.model,
            version=row.version,
            route=row.route,
            created_at=row.created_at,
            label=row.label,
            probability=row.probability,
            threshold=row.threshold,
            latency_us=row.latency_us,
            entity_id=row.entity_id or None,
            caller=row.caller,
            token=row.token,
            bundle_hash=row.bundle,
            data_hash=version.data_hash if version else None,
            run_id=version.run_id or None if version else None,
            git_commit=receipt.git_commit,
            input_hash=row.input_hash or None,
            inputs=row.inputs if shows_inputs else None,
            feedback=FeedbackShape.of(receipt.feedback) if receipt.feedback else None,
        )


class AnsweredShape(BaseModel):
    """A label and its probability."""

    label: str
    probability: float


class VerificationShape(BaseModel):
    """The logged answer and that of the same bundle now. They agree in label and, within 1e-9, in probability."""

    id: UUID
    agrees: bool
    bundle_hash: str
    inputs: Literal["kept", "sent"]
    logged: AnsweredShape
    now: AnsweredShape

    @classmethod
    def of(cls, row: Prediction, found: Verification) -> Self:
        return cls(
            id=row.pk,
            agrees=found.agrees,
            bundle_hash=row.bundle,
            inputs="kept" if found.source == "kept" else "sent",
            logged=AnsweredShape(label=row.label, probability=row.probability),
            now=AnsweredShape(label=found.label, probability=found.probability),
        )
