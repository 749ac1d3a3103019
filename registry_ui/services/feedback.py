"""True labels, as callers tell them: at once where the prediction is logged, else kept until it has arrived."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
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
from registry_ui.services.live_performance import days_mark_stale

NEVER_ARRIVED = timedelta(days=7)
_HISTORY = 100
_BATCH = 500
_RELABELLED = ("label", "caller", "updated_at", "earlier", "counted")
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
def feedback_keep(*, labels: Mapping[UUID, tuple[str, str]], caller: str, at: datetime) -> None:
    """Keep many labels of logged predictions, which were checked: prediction → (model, label)."""
    known = _locked(labels)
    for row in known.values():
        _relabel(row, labels[row.pk][1], caller, at)
    Feedback.objects.bulk_update(known.values(), _RELABELLED, batch_size=_BATCH)
    given = [
        Feedback(prediction_id=pk, model=model, label=label, caller=caller, updated_at=at)
        for pk, (model, label) in labels.items()
        if pk not in known
    ]
    Feedback.objects.bulk_create(given, batch_size=_BATCH)


@transaction.atomic
def feedback_take_back(*, predictions: Sequence[UUID], caller: str, at: datetime) -> int:
    """Undo what `caller` told at that moment: the labels before it hold again. How many somebody told anew since."""
    theirs = [row for row in _locked(predictions).values() if (row.caller, row.updated_at) == (caller, at)]
    first = [row.pk for row in theirs if not row.earlier]
    for start in range(0, len(first), _BATCH):
        days_mark_stale(labels=(rows := Feedback.objects.filter(pk__in=first[start : start + _BATCH])))
        rows.delete()
    again = [row for row in theirs if row.earlier]
    for row in again:
        before = row.earlier.pop()
        row.label, row.caller, row.updated_at = before["label"], before["by"], datetime.fromisoformat(before["at"])
        row.counted = False
    Feedback.objects.bulk_update(again, _RELABELLED, batch_size=_BATCH)
    return len(predictions) - len(theirs)


def _locked(predictions: Iterable[UUID]) -> dict[UUID, Feedback]:
    """The rows that there are, by prediction, in the order of ids: two who lock many never wait for each other."""
    ids, rows = sorted(predictions), {}
    for start in range(0, len(ids), _BATCH):
        chunk = Feedback.objects.filter(pk__in=ids[start : start + _BATCH])
        rows.update({row.pk: row for row in chunk.select_for_update().order_by("pk")})
    return rows


def _relabel(row: Feedback, label: str, caller: str, at: datetime) -> None:
    """Let another label hold; the same one again changes nothing."""
    if row.label == label:
        return
    before = {"label": row.label, "by": row.caller, "at": row.updated_at.isoformat()}
    row.earlier = [*row.earlier, before][-_HISTORY:]
    row.label, row.caller, row.updated_at, row.counted = label, caller, at, False


@transaction.atomic
def _keep(prediction_id: UUID, model: str, label: str, caller: str) -> tuple[Feedback, bool]:
    now = timezone.now()
    given = {"model": model, "label": label, "caller": caller, "updated_at": now}
    row, first = Feedback.objects.select_for_update().get_or_create(prediction_id=prediction_id, defaults=given)
    if not first and (row.label, row.model) != (label, model):
        _relabel(row, label, caller, now)
        row.model = model or row.model
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
