"""Answers in the log, with true labels told of them."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from predictions.models import Feedback, Prediction


def answered(
    label: str = "yes", *, at: datetime | None = None, version: int = 1, model: str = "fruit", **columns: Any
) -> Prediction:
    """An answer in the log, its id as it would have been given at that moment."""
    at = at or timezone.now()
    chance = uuid.uuid4().int & (1 << 74) - 1
    pk = uuid.UUID(int=int(at.timestamp() * 1_000) << 80 | 7 << 76 | 2 << 62 | chance & ~(3 << 62) & (1 << 74) - 1)
    given = {
        "bundle": "b" * 64, "route": "champion", "label": label, "probability": 0.8, "threshold": 0.5,
        "latency_us": 900, "caller": "anna", "inputs": {"weight": 12.5, "colour": None},
    }  # fmt: skip
    return Prediction.objects.create(id=pk, created_at=at, model=model, version=version, **given | columns)


def told(prediction: Prediction, label: str, **columns: Any) -> Feedback:
    given = {"model": prediction.model, "label": label, "caller": "anna", "updated_at": timezone.now()}
    return Feedback.objects.create(prediction_id=prediction.pk, **given | columns)


def labelled(pairs: Sequence[tuple[str, str]], **columns: Any) -> None:
    """(answered, true) pairs of one version and moment."""
    for answer, true in pairs:
        told(answered(answer, **columns), true)


def noon(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)
