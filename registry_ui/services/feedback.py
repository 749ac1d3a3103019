"""True labels, as callers tell them: at once where the prediction is logged, else kept until it has arrived."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from predictions.authentication import Caller
from predictions.bundle_store import read_manifest
from predictions.errors import PredictionPending, UnknownLabel
from predictions.models import Feedback, Prediction
from predictions.observations import FEEDBACK_REFUSED, record_observation
from predictions.scopes import FEEDBACK
from registry_ui.selectors.receipts import caller_may, prediction_of

NEVER_ARRIVED = timedelta(days=7)
_HISTORY = 100
_BATCH = 500
_log = structlog.get_logger(__name__)


def feedback_give(*, prediction_id: UUID, label: str, caller: User | Caller) -> tuple[Feedback, bool]:
    """Keep the true label, and say whether it is the first. The same label again changes nothing; the last one holds.

    UnknownPrediction, and UnknownLabel where the model is known. Of a prediction that is still on its way the label is
    kept unchecked: `feedback_settle` checks it.
    """
    try:
        prediction = prediction_of(prediction_id=prediction_id, caller=caller, scope=FEEDBACK)
    except PredictionPending:
        return _keep(prediction_id, "", label, caller.get_username())
    known = labels_of(prediction.bundle)
    if label not in known:
        raise UnknownLabel(
            f"{prediction.model} has no such label.",
            advice=f"Its labels are: {', '.join(known)}.",
            details={"labels": list(known)},
        )
    return _keep(prediction_id, prediction.model, label, caller.get_username())


def feedback_settle() -> Mapping[str, int]:
    """Check what was kept for predictions that were on their way: what became of how many.

    `joined` now name their model; `refused` had no such label or were not the giver's to judge; the predictions of
    those `dropped` never arrived.
    """
    outcome: Counter[str] = Counter()
    waiting = Feedback.objects.filter(model="").order_by("created_at").iterator(chunk_size=_BATCH)
    for row in waiting:
        outcome[_settle(row)] += 1
    if outcome["refused"]:
        message = f"{outcome['refused']} labels were told for predictions that do not have them, or by who may not."
        record_observation(kind=FEEDBACK_REFUSED, subject="feedback", message=message)
    return outcome


@lru_cache(maxsize=256)
def labels_of(bundle_hash: str) -> tuple[str, ...]:
    """The labels that a bundle answers; its hash fixes them. InvalidBundle."""
    return tuple(read_manifest(bundle_hash)["labels"])


@transaction.atomic
def _keep(prediction_id: UUID, model: str, label: str, caller: str) -> tuple[Feedback, bool]:
    now = timezone.now()
    given = {"model": model, "label": label, "caller": caller, "updated_at": now}
    row, first = Feedback.objects.select_for_update().get_or_create(prediction_id=prediction_id, defaults=given)
    if not first and (row.label, row.model) != (label, model):
        if row.label != label:
            before = {"label": row.label, "by": row.caller, "at": row.updated_at.isoformat()}
            row.earlier = [*row.earlier, before][-_HISTORY:]
            row.caller, row.updated_at = caller, now
        row.label, row.model = label, model or row.model
        row.save()
    return row, first


def _settle(row: Feedback) -> str:
    """What becomes of one row. A change that is made meanwhile is left for the next time."""
    same = Feedback.objects.filter(pk=row.pk, model="", label=row.label)
    prediction = Prediction.objects.filter(pk=row.pk).defer("inputs").first()
    if prediction is None:
        if timezone.now() - row.created_at < NEVER_ARRIVED:
            return "waiting"
        same.delete()
        return "dropped"
    if row.label in labels_of(prediction.bundle) and _was_theirs(row.caller, prediction):
        same.update(model=prediction.model)
        return "joined"
    _log.warning("feedback_refused", prediction=str(row.pk), model=prediction.model)
    same.delete()
    return "refused"


def _was_theirs(name: str, prediction: Prediction) -> bool:
    user = User.objects.filter(username=name, is_active=True).first()
    return user is not None and caller_may(user, FEEDBACK, prediction)
