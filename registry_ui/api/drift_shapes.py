"""Bodies of drift reports."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from registry_ui.models import BackgroundTask, DriftReport


class StatisticShape(BaseModel):
    """One statistic: it alarms where its value is above its threshold and above what chance gives (`bound`)."""

    kind: str
    field: str
    value: float
    threshold: float
    bound: float
    alarms: bool


class EstimateShape(BaseModel):
    """A metric as expected without labels, with a 95 % interval, and as it is on the held-out rows."""

    metric: str
    value: float
    low: float
    high: float
    reference: float


class LiveShape(EstimateShape):
    """A metric of the newest answers whose labels were told; `instead_of` where accuracy stands for another."""

    rows: int
    instead_of: str = ""


class DriftReportShape(BaseModel):
    """One evaluation. Statistics are sorted, those that alarm first; there are none where nothing could be compared."""

    id: int
    version: int
    state: str
    window_from: datetime | None
    window_to: datetime | None
    rows: int
    rows_with_inputs: int
    effective_rows: int | None
    reference_rows: int
    statistics: list[StatisticShape]
    estimates: list[EstimateShape]
    live: LiveShape | None
    error: str
    seconds: float
    requested_by: str
    created_at: datetime

    @classmethod
    def of(cls, report: DriftReport) -> Self:
        columns: dict[str, Any] = {name: getattr(report, name) for name in cls.model_fields if name != "id"}
        return cls.model_validate({**columns, "id": report.pk})


class DriftTaskShape(BaseModel):
    """An evaluation that was asked for: queued, running, succeeded or failed."""

    task: UUID
    model: str
    state: str
    requested_by: str
    created_at: datetime

    @classmethod
    def of(cls, task: BackgroundTask) -> Self:
        return cls(
            task=task.pk,
            model=task.model,
            state=task.state,
            requested_by=task.requested_by,
            created_at=task.created_at,
        )


class DriftReportsShape(BaseModel):
    """Reports of a model, newest first; `task` is the evaluation that was asked for last."""

    model: str
    task: DriftTaskShape | None
    reports: list[DriftReportShape]

    @classmethod
    def of(cls, model: str, reports: Iterable[DriftReport], task: BackgroundTask | None) -> Self:
        return cls(
            model=model,
            task=None if task is None else DriftTaskShape.of(task),
            reports=[DriftReportShape.of(report) for report in reports],
        )
