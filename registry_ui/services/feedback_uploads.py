"""True labels from a file: checked line by line when it comes, written when it is confirmed, taken back on request.

What a line says is judged as the API judges it: whoever may not see a prediction learns nothing of it. Lines that can
be written are, in one transaction; the others are told with a reason each (docs/adr/0026).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from predictions.errors import UnknownPrediction
from predictions.models import Feedback, Prediction
from predictions.prediction_log.ids import is_young, parse_id
from predictions.scopes import FEEDBACK
from registry_ui.errors import InvalidUpload, WrongState
from registry_ui.feedback_csv import Line, feedback_lines
from registry_ui.models import FeedbackUpload
from registry_ui.selectors.receipts import caller_may
from registry_ui.services.access import Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.feedback import feedback_keep, feedback_take_back, labels_of

NEW, CHANGED, SAME, EMPTY = "new", "changed", "same", "empty"
UNKNOWN, PENDING, UNKNOWN_LABEL = "unknown_prediction", "pending", "unknown_label"
REPEATED, CONTRADICTED, NO_ID = "repeated", "contradicted", "no_id"
WRITTEN = (NEW, CHANGED)
_TOLD = (*WRITTEN, SAME)
REFUSED = (UNKNOWN, PENDING, UNKNOWN_LABEL, REPEATED, CONTRADICTED, NO_ID)
_CHUNK = 500
_State = FeedbackUpload.State


class Checked(NamedTuple):
    """A line and what would become of it."""

    number: int
    prediction: str
    label: str
    outcome: str
    explanation: str = ""
    model: str = ""


def upload_check(*, file_name: str, content: bytes, actor: Actor) -> FeedbackUpload:
    """Keep what the file says with what would become of each line; nothing else is written. InvalidUpload."""
    lines = feedback_lines(content)
    if not lines:
        raise InvalidUpload("The file has no line below the first.", advice="One line a prediction is needed.")
    checked = _checked(lines, _person(actor))
    return FeedbackUpload.objects.create(
        file_name=file_name[:200] or "labels.csv", uploaded_by=actor.name, **_columns(checked)
    )


def upload_confirm(*, upload: FeedbackUpload, actor: Actor) -> FeedbackUpload:
    """Write the lines that can be, judged anew: all of them or, where the database refuses one, none."""
    person, now = _person(actor), timezone.now()
    try:
        with transaction.atomic():
            row = _held(upload, actor, _State.CHECKED)
            checked = _checked([Line(*line[:3]) for line in row.lines], person)
            labels = {UUID(one.prediction): (one.model, one.label) for one in checked if one.outcome in _TOLD}
            feedback_keep(labels=labels, caller=actor.name, at=now)
            row.state, row.applied_at = _State.APPLIED, now
            _save(row, **_columns(checked))
            audit_append(events=[_event(row, actor, "feedback.upload", counts=row.counts)])
    except IntegrityError as error:
        raise WrongState("Somebody told one of these labels just now.", advice="Confirm it again.") from error
    return row


@transaction.atomic
def upload_revert(*, upload: FeedbackUpload, actor: Actor) -> FeedbackUpload:
    """Let the labels from before the upload hold again; those that somebody told anew or confirmed since stay."""
    row = _held(upload, actor, _State.APPLIED)
    told = [UUID(line[1]) for line in row.lines if line[3] in _TOLD]
    if row.applied_at is None:
        raise WrongState(f"{row} was never applied.")
    row.left_alone = feedback_take_back(predictions=told, caller=row.uploaded_by, at=row.applied_at)
    row.state, row.reverted_at = _State.REVERTED, timezone.now()
    _save(row)
    audit_append(events=[_event(row, actor, "feedback.revert", left_alone=row.left_alone)])
    return row


def _person(actor: Actor) -> User:
    if actor.user is None:
        raise WrongState("Labels are told by somebody, not by a process.")
    return actor.user


def _held(upload: FeedbackUpload, actor: Actor, state: FeedbackUpload.State) -> FeedbackUpload:
    """The row, locked, in the expected state; it is its uploader's to confirm and to revert."""
    row = FeedbackUpload.objects.select_for_update().get(pk=upload.pk)
    if row.uploaded_by != actor.name:
        raise WrongState(f"{row} is not yours to change.", advice=f"Ask {row.uploaded_by}.")
    if row.state != state:
        raise WrongState(f"{row}: {row.get_state_display().lower()}.", advice="Upload the file again if it is needed.")
    return row


def _columns(checked: Sequence[Checked]) -> dict[str, object]:
    return {
        "lines": [list(one) for one in checked],
        "counts": dict(Counter(one.outcome for one in checked)),
        "models_named": sorted({one.model for one in checked if one.model}),
    }


def _save(row: FeedbackUpload, **columns: object) -> None:
    for name, value in columns.items():
        setattr(row, name, value)
    row.save()


def _checked(lines: Sequence[Line], person: User) -> list[Checked]:
    by_id: Mapping[str, set[str]] = defaultdict(set)
    for line in lines:
        if line.label:
            by_id[line.prediction.lower()].add(line.label)
    seen: set[str] = set()
    checked = []
    for start in range(0, len(lines), _CHUNK):
        checked += list(_checked_chunk(lines[start : start + _CHUNK], by_id, seen, person))
    return checked


def _checked_chunk(
    lines: Sequence[Line], labels: Mapping[str, set[str]], seen: set[str], person: User
) -> Iterator[Checked]:
    """Two queries for each chunk."""
    ids = {line.number: _id(line.prediction) for line in lines if line.label}
    asked = [one for one in ids.values() if one is not None]
    columns = ("pk", "model", "bundle", "caller")
    found = {row.pk: row for row in Prediction.objects.filter(pk__in=asked).only(*columns)}
    told = dict(Feedback.objects.filter(pk__in=asked).exclude(model="").values_list("pk", "label"))
    for line in lines:
        prediction = ids.get(line.number)
        key = line.prediction.lower()
        if not line.label:
            outcome: tuple[str, ...] = (EMPTY, "There is no label in this line.")
        elif prediction is None:
            outcome = (NO_ID, "This is not the id of a prediction.")
        elif len(labels[key]) > 1:
            outcome = (CONTRADICTED, "The file has several labels for this prediction: none is taken.")
        elif key in seen:
            outcome = (REPEATED, "An earlier line says the same.")
        else:
            outcome = _outcome(line, prediction, found.get(prediction), told.get(prediction), person)
        if line.label:
            seen.add(key)
        yield Checked(line.number, line.prediction, line.label, *outcome)


def _outcome(line: Line, prediction: UUID, row: Prediction | None, told: str | None, person: User) -> tuple[str, ...]:
    """As the API answers: a prediction that one may not see is one that is not there."""
    if row is None or not caller_may(person, FEEDBACK, row):
        if is_young(prediction):
            return PENDING, "It may still be on its way into the log: upload the line again in a minute."
        return UNKNOWN, "There is no such prediction in the log, or you may not see it."
    if line.label not in (known := labels_of(row.bundle)):
        return UNKNOWN_LABEL, f"{row.model} has the labels {', '.join(known)}."
    if told is None:
        return NEW, "", row.model
    return (SAME, "", row.model) if told == line.label else (CHANGED, f"It was {told}.", row.model)


def _id(text: str) -> UUID | None:
    """In the canonical spelling alone, so that one prediction is one text."""
    try:
        return parse_id(text)
    except UnknownPrediction:
        return None


def _event(row: FeedbackUpload, actor: Actor, action: str, **details: object) -> Event:
    model = row.models_named[0] if len(row.models_named) == 1 else ""
    return Event(actor.name, action, f"upload {row.pk}", model, {"models": row.models_named, **details})
