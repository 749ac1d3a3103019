"""Due rows and the messages that wake them. A message may be lost or come twice: taking a row is a compare-and-set."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

_BATCH = 100
_log = structlog.get_logger(__name__)


def rows_dispatch(*, queued: QuerySet[Any], send: Callable[[UUID], None]) -> int:
    """Give the id of every due row to `send`, and how many were taken. A row whose sending fails stays due."""
    now = timezone.now()
    unsent = Q(published_at__isnull=True) | Q(published_at__lt=now - timedelta(seconds=settings.SENT_AGAIN_SECONDS))
    due = queued.filter(unsent, due_at__lte=now).order_by("due_at")
    sent = 0
    for row_id in list(due.values_list("pk", flat=True)[:_BATCH]):
        try:
            send(row_id)
        except Exception as error:
            # Whatever the broker's client raises: the row stays due, and the others would fail alike.
            _log.warning("not_sent", row=str(row_id), error=repr(error))
            return sent
        queued.filter(pk=row_id).update(published_at=timezone.now())
        sent += 1
    return sent


def expired_requeue(*, running: QuerySet[Any], lost: str, reset: Mapping[str, Any]) -> int:
    """Queue the rows again whose worker no longer renews the lease; after the last attempt their state is `lost`.

    `reset` are further columns to set. Gives how many were found. The compare-and-set keeps a lease that was renewed
    in this moment.
    """
    now = timezone.now()
    expired = running.filter(lease_expires_at__lt=now)
    again = {"state": "queued", "due_at": now, "published_at": None}
    error = f"The worker was lost {settings.RUN_MAX_ATTEMPTS} times."
    ended = {"state": lost, "finished_at": now, "error": error}
    found = expired.filter(attempt__lt=settings.RUN_MAX_ATTEMPTS).update(**again, **reset, lease_expires_at=None)
    last = expired.filter(attempt__gte=settings.RUN_MAX_ATTEMPTS)
    return found + last.update(**ended, **reset, lease_expires_at=None)
