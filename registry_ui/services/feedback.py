"""True labels, as callers tell them: at once where the prediction is logged, else kept until it has arrived."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from predictions.authentication import Caller
from predictions.bundle_store import read_manifest
from predictions.errors import UnknownLabel, UnknownPrediction
from predictions.models import Feedback, Prediction
from predictions.observations import FEEDBACK_REFUSED, record_observation
from predictions.prediction_log.ids import not_found
from predictions.scopes import FEEDBACK
from registry_ui.selectors.receipts import caller_may
from registry_ui.services.live_performance import days_mark_stale

NEVER_ARRIVED = timedelta(days=7)
_HISTORY = 100
_BATCH = 500
_RELABELLED = ("label", "caller", "updated_at", "earlier", "counted")
_Told = dict[str, Any]  # label, by whom, at what moment; `models` where the token is limited to some, until checked
_log = structlog.get_logger(__name__)


def feedback_give(*, prediction_id: UUID, label: str, caller: User | Caller) -> tuple[Feedback, bool]:
    """Keep the true label, and say whether it is the first. The last one holds; the same again changes nothing.

    UnknownPrediction, and UnknownLabel where the model is known. Of a prediction that is still on its way the label is
    kept unchecked: `feedback_settle` checks it. Of one that the caller may not see nothing is kept, and the answer is
    the same: what this caller told, nothing of what others did.
    """
    try:
        return _give(prediction_id, label, caller)
    except IntegrityError:  # somebody else told the first label at this moment: now there is a row to lock
        return _give(prediction_id, label, caller)


def feedback_settle() -> Mapping[str, int]:
    """Check what was kept for predictions that were on their way: what became of how many.

    Those `joined` now name their model; `refused` are labels that it does not have or that were not the giver's to
    judge, and what others told holds without them; the predictions of those `dropped` never arrived.
    """
    outcome: Counter[str] = Counter()
    waiting = Feedback.objects.filter(model="").order_by("created_at").values_list("pk", flat=True)
    for prediction_id in waiting.iterator(chunk_size=_BATCH):
        outcome += _settle(prediction_id)
    _observe(outcome["refused"])
    return outcome


@lru_cache(maxsize=256)
def labels_of(bundle_hash: str) -> tuple[str, ...]:
    """The labels that a bundle answers; its hash fixes them. InvalidBundle."""
    return tuple(read_manifest(bundle_hash)["labels"])


@transaction.atomic
def feedback_keep(*, labels: Mapping[UUID, tuple[str, str]], caller: str, at: datetime) -> None:
    """Keep many labels of logged predictions, which were checked: prediction → (model, label).

    Those that are known already are vouched for at that moment, so that each file can be taken back for itself.
    """
    known = {pk: row for pk, row in _locked(labels).items() if _is_joined(row)}
    for row in known.values():
        _tell(row, labels[row.pk][1], caller, at)
    Feedback.objects.bulk_update(known.values(), _RELABELLED, batch_size=_BATCH)
    given = [
        Feedback(prediction_id=pk, model=model, label=label, caller=caller, updated_at=at)
        for pk, (model, label) in labels.items()
        if pk not in known
    ]
    Feedback.objects.bulk_create(given, batch_size=_BATCH)


@transaction.atomic
def feedback_take_back(*, predictions: Sequence[UUID], caller: str, at: datetime) -> int:
    """Undo what `caller` told at that moment, also where another label holds by now. How many others told anew since.

    What holds is the last of what is left, which may be the same label by somebody who confirmed it.
    """
    gone, again, left_alone = [], [], 0
    for row in _locked(predictions).values():
        told = _told(row)
        left = [one for one in told if (one["by"], datetime.fromisoformat(one["at"])) != (caller, at)]
        if not left:
            gone.append(row.pk)
        elif left != told:
            _let_hold(row, left)
            again.append(row)
        left_alone += told[-1] in left
    for start in range(0, len(gone), _BATCH):
        days_mark_stale(labels=(rows := Feedback.objects.filter(pk__in=gone[start : start + _BATCH])))
        rows.delete()
    Feedback.objects.bulk_update(again, _RELABELLED, batch_size=_BATCH)
    return left_alone


@transaction.atomic
def _give(prediction_id: UUID, label: str, caller: User | Caller) -> tuple[Feedback, bool]:
    """The row is locked before the prediction is looked up: what waits cannot be settled in between."""
    row = _locked([prediction_id]).get(prediction_id)
    prediction = Prediction.objects.filter(pk=prediction_id).first()
    given = Feedback(prediction_id=prediction_id, label=label, caller=caller.get_username(), updated_at=timezone.now())
    given.only_models = sorted(caller.models) if isinstance(caller, Caller) and caller.models is not None else None
    if prediction is None or not caller_may(caller, FEEDBACK, prediction):
        if isinstance(error := not_found(prediction_id), UnknownPrediction):
            raise error
        if prediction is None and (row is None or not row.model):
            _keep(row, given)
        return given, False
    known = labels_of(prediction.bundle)
    if label not in known:
        raise UnknownLabel(
            f"{prediction.model} has no such label.",
            advice=f"Its labels are: {', '.join(known)}.",
            details={"labels": list(known)},
        )
    row = row if row is not None and _is_joined(row) else None
    given.model, given.only_models = prediction.model, None
    return _keep(row, given), row is None


def _keep(row: Feedback | None, given: Feedback) -> Feedback:
    """Who vouches already for the label that holds changes nothing. IntegrityError where there is a row by now."""
    if row is None:
        given.save(force_insert=True)
        return given
    vouching = takewhile(lambda one: one["label"] == given.label, reversed(_told(row)))
    if (given.caller, given.only_models) not in [(one["by"], one.get("models")) for one in vouching]:
        _tell(row, given.label, given.caller, given.updated_at, given.only_models)
        row.save()
    return row


def _locked(predictions: Iterable[UUID]) -> dict[UUID, Feedback]:
    """The rows that there are, by prediction, in the order of ids: two who lock many never wait for each other."""
    ids, rows = sorted(predictions), {}
    for start in range(0, len(ids), _BATCH):
        chunk = Feedback.objects.filter(pk__in=ids[start : start + _BATCH])
        rows.update({row.pk: row for row in chunk.select_for_update().order_by("pk")})
    return rows


def _told(row: Feedback) -> list[_Told]:
    """Whatever was told of a prediction, the oldest first."""
    return [*row.earlier, _telling(row.label, row.caller, row.updated_at, row.only_models)]


def _telling(label: str, caller: str, at: datetime, models: Sequence[str] | None) -> _Told:
    told = _Told(label=label, by=caller, at=at.isoformat())
    return told if models is None else {**told, "models": list(models)}


def _tell(row: Feedback, label: str, caller: str, at: datetime, models: Sequence[str] | None = None) -> None:
    """Let a label hold by this caller's word. Of too many, who told most loses the oldest: nobody crowds out others."""
    before = _told(row)
    if len(before) > _HISTORY:
        [(most, _)] = Counter(one["by"] for one in before).most_common(1)
        before.remove(next(one for one in before if one["by"] == most))
    _let_hold(row, [*before, _telling(label, caller, at, models)])


def _let_hold(row: Feedback, told: Sequence[_Told]) -> None:
    """Let the last of these hold; another label than before is counted anew."""
    *row.earlier, last = told
    row.counted = row.counted and row.label == last["label"]
    row.label, row.caller, row.updated_at = last["label"], last["by"], datetime.fromisoformat(last["at"])
    row.only_models = last.get("models")


@transaction.atomic
def _settle(prediction_id: UUID) -> Counter[str]:
    """What becomes of one row."""
    row = Feedback.objects.select_for_update().filter(pk=prediction_id, model="").first()
    if row is None:
        return Counter()
    prediction = Prediction.objects.filter(pk=prediction_id).defer("inputs").first()
    if prediction is not None:
        refused = _join(row, prediction)
        return Counter(joined=int(row.model != ""), refused=refused)
    if timezone.now() - row.created_at < NEVER_ARRIVED:
        return Counter(waiting=1)
    row.delete()
    return Counter(dropped=1)


def _is_joined(row: Feedback) -> bool:
    """Whether something holds that was told of a logged prediction; what was kept unchecked is checked first."""
    if not row.model:
        _observe(_join(row, Prediction.objects.defer("inputs").get(pk=row.pk)))
    return row.model != ""


def _join(row: Feedback, prediction: Prediction) -> int:
    """Keep of what was told unchecked what may be, else delete the row. How many labels were refused."""
    told, known = _told(row), labels_of(prediction.bundle)
    judges = {name for name in {one["by"] for one in told} if _was_theirs(name, prediction)}
    left = [
        _telling(one["label"], one["by"], datetime.fromisoformat(one["at"]), None)
        for one in told
        if one["label"] in known and one["by"] in judges and prediction.model in one.get("models", [prediction.model])
    ]
    if left:
        _let_hold(row, left)
        row.model = prediction.model
        row.save()
    else:
        row.delete()
    if refused := len(told) - len(left):
        _log.warning("feedback_refused", prediction=str(prediction.pk), model=prediction.model, labels=refused)
    return refused


def _observe(refused: int) -> None:
    if refused:
        message = f"{refused} labels were told for predictions that do not have them, or by who may not."
        record_observation(kind=FEEDBACK_REFUSED, subject="feedback", message=message)


def _was_theirs(name: str, prediction: Prediction) -> bool:
    user = User.objects.filter(username=name, is_active=True).first()
    return user is not None and caller_may(user, FEEDBACK, prediction)
