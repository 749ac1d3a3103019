"""Logged predictions as text to analyse elsewhere: what was asked and answered, and the true label if it is known."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from predictions.models import Prediction
from registry_ui.exports import export_text

_COLUMNS = (
    "id",
    "created_at",
    "model",
    "version",
    "route",
    "entity_id",
    "label",
    "probability",
    "threshold",
    "feedback",
    "caller",
    "latency_us",
    "bundle",
    "input_hash",
    "inputs",
)


def export_lines(*, predictions: QuerySet[Prediction], form: str) -> Iterator[str]:
    """Predictions that are annotated with `feedback`, oldest first, in one of `exports.FORMS`."""
    rows = predictions.defer(None).order_by("created_at").iterator(chunk_size=1_000)
    return export_text(columns=_COLUMNS, rows=(_row(row) for row in rows), form=form)


def _row(row: Prediction) -> dict[str, Any]:
    spelled = {"id": str(row.pk), "created_at": row.created_at.isoformat()}
    return {name: getattr(row, name) for name in _COLUMNS} | spelled
