"""What serving would have counted: rows of traffic, and a clock that goes as fast as a test wants."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from predictions.models import Feedback, Prediction, VersionCount

_FAST, _SLOW = 3, 9  # classes of LATENCY_BOUNDS: up to 10 ms, up to 1 s


class Clock:
    """Stands in for Django's; it goes on only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # a Monday
        monkeypatch.setattr(timezone, "now", lambda: self.at)

    def forward(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


def traffic(
    version: int,
    calls: int,
    *,
    route: str = "champion",
    failed: int = 0,
    slow: int = 0,
    model: str = "fruit",
    size: int = 1,
) -> None:
    """Calls of this minute, of one more process; only those with one row are timed."""
    times = [0] * 13
    if size == 1:
        times[_FAST], times[_SLOW] = calls - failed - slow, slow
    VersionCount.objects.create(
        writer=uuid4(),
        model=model,
        version=version,
        bundle=str(version) * 64,
        route=route,
        minute=timezone.now().replace(second=0, microsecond=0),
        calls=calls,
        failures={"model_failed": failed} if failed else {},
        times=times,
        sizes={str(size): [calls - failed, failed]},
    )


def told(
    version: int, right: int, wrong: int, *, route: str = "champion", model: str = "fruit", after: float = 0
) -> None:
    """Predictions that callers tell the true label of now, so many minutes after they were answered."""
    now = timezone.now()
    common: dict[str, Any] = {"model": model, "version": version, "bundle": "b" * 64, "inputs": None}
    rows = [
        Prediction(
            id=uuid4(),
            created_at=now - timedelta(minutes=after),
            route=route,
            label="yes",
            probability=0.9,
            threshold=0.5,
            latency_us=900,
            **common,
        )
        for _ in range(right + wrong)
    ]
    Prediction.objects.bulk_create(rows)
    Feedback.objects.bulk_create(
        Feedback(
            prediction_id=row.pk, model=model, label="yes" if place < right else "no", created_at=now, updated_at=now
        )
        for place, row in enumerate(rows)
    )
