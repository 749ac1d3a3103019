"""Predictions to be labelled by hand, as CSV: whoever fills in `label` can upload the file as it is.

They are drawn at random from the newest without a true label. Labels of a random sample tell how good all answers are;
those that callers send of themselves tell how good the answers were that somebody minded.
"""

import random
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef

from predictions.models import Feedback, Prediction
from predictions.route_names import SHADOW
from registry_ui.exports import export_text
from registry_ui.feedback_csv import ID, LABEL

MOST_ROWS = 200
_NEWEST = 10_000
_COLUMNS = (ID, LABEL, "answered_at", "version", "answer", "probability", "inputs")


def labelling_lines(*, model: str) -> Iterator[str]:
    """The sample, the oldest first; fewer rows where there are not so many."""
    newest = Prediction.objects.filter(model=model).exclude(route=SHADOW).order_by("-created_at")
    without = newest.exclude(Exists(Feedback.objects.filter(prediction_id=OuterRef("pk"))))
    ids = list(without.values_list("pk", flat=True)[:_NEWEST])
    drawn = random.sample(ids, min(MOST_ROWS, len(ids)))
    rows = Prediction.objects.filter(pk__in=drawn).order_by("created_at")
    return export_text(columns=_COLUMNS, rows=map(_row, rows), form="csv")


def _row(row: Prediction) -> dict[str, Any]:
    values = (str(row.pk), None, row.created_at.isoformat(), row.version, row.label, row.probability, row.inputs)
    return dict(zip(_COLUMNS, values, strict=True))
