"""Kept answers: reserve a key, keep what was answered under it, give it again for a day."""

import re
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from predictions.errors import (
    AnswerInProgress,
    DatabaseUnavailable,
    IdempotencyKeyReused,
    IdempotencyUnavailable,
    InvalidIdempotencyKey,
)
from predictions.idempotency.bounded import call_bounded
from predictions.models import KeptAnswer

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)  # after which a reservation without an answer is that of a process that died
PATIENCE_SECONDS = 0.5
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_BATCH = 1_000
_AWAY = (DatabaseError, InterfaceError, DatabaseUnavailable, TimeoutError)


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to answer a request under its key. `id` is the kept row's, `attempt` tells a later holder's apart."""

    id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request was answered."""

    status: int
    body: str
    location: str


def reserve(*, token: str, key: str, request_hash: str) -> Reservation | Answered:
    """The answer kept under `key`, or the right to give it.

    InvalidIdempotencyKey; IdempotencyKeyReused where another request has the key; AnswerInProgress while the same one
    is being answered; IdempotencyUnavailable where the database does not answer in time.
    """
    if not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey(
            "Idempotency-Key has 1 to 255 visible ASCII characters.", advice="A fresh UUID for each request will do."
        )
    try:
        return call_bounded(lambda: _reserve(token, key, request_hash), PATIENCE_SECONDS)
    except _AWAY as error:
        raise _unavailable("Nothing was done.") from error


def keep(*, reservation: Reservation, answered: Answered) -> None:
    """Keep the answer for a day. IdempotencyUnavailable: it was given, but cannot be given again."""

    def write() -> None:
        KeptAnswer.objects.filter(pk=reservation.id, attempt=reservation.attempt).update(
            status=answered.status, body=answered.body, location=answered.location
        )

    try:
        call_bounded(write, PATIENCE_SECONDS)
    except _AWAY as error:
        raise _unavailable(
            f"The request was carried out, but its answer could not be kept. Its key is free again after "
            f"{LEASE.seconds} s."
        ) from error


def release(*, reservation: Reservation) -> None:
    """Free the key of a request that was refused: it may be sent again, corrected."""

    def delete() -> None:
        KeptAnswer.objects.filter(pk=reservation.id, attempt=reservation.attempt, status=None).delete()

    try:
        call_bounded(delete, PATIENCE_SECONDS)
    except _AWAY:
        return  # the lease frees it


def forget_old_answers() -> int:
    """Remove what has been kept for a day, in small transactions; how many."""
    removed = 0
    old = KeptAnswer.objects.filter(reserved_at__lt=timezone.now() - KEPT)
    while ids := list(old.values_list("pk", flat=True)[:_BATCH]):
        removed += KeptAnswer.objects.filter(pk__in=ids).delete()[0]
    return removed


def _reserve(token: str, key: str, request_hash: str) -> Reservation | Answered:
    row, created = KeptAnswer.objects.get_or_create(token=token, key=key, defaults={"request_hash": request_hash})
    if created:
        return Reservation(row.pk, row.attempt)
    age = timezone.now() - row.reserved_at
    if age > KEPT or (row.status is None and age > LEASE):
        return _take_over(row, request_hash)
    if row.request_hash != request_hash:
        raise IdempotencyKeyReused(
            "This Idempotency-Key belongs to another request.", advice="Use a fresh key for each request."
        )
    if row.status is None:
        raise _in_progress()
    return Answered(row.status, row.body, row.location)


def _take_over(row: KeptAnswer, request_hash: str) -> Reservation:
    """Reserve the row of an answer that has expired, or of a process that died; one of several wins."""
    fresh = {"request_hash": request_hash, "reserved_at": timezone.now(), "status": None, "body": "", "location": ""}
    taken = KeptAnswer.objects.filter(pk=row.pk, attempt=row.attempt).update(attempt=row.attempt + 1, **fresh)
    if not taken:
        raise _in_progress()
    return Reservation(row.pk, row.attempt + 1)


def _in_progress() -> AnswerInProgress:
    return AnswerInProgress("The same request is being answered at this moment.", advice="Try again in a second.")


def _unavailable(what_happened: str) -> IdempotencyUnavailable:
    return IdempotencyUnavailable(
        f"The database that keeps answers by their Idempotency-Key did not answer in time. {what_happened}",
        advice="Try again later with the same key. Requests without a key do not need it.",
    )
