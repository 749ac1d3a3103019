"""Ask for background work, and do it: claim, work with visible progress, end. Each transition is a compare-and-set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from ml_pipeline.errors import CodesoftError
from registry_ui.errors import TaskFenced
from registry_ui.models import BackgroundTask
from registry_ui.services.access import Actor
from registry_ui.services.dispatching import expired_requeue, rows_dispatch

LEASE = timedelta(minutes=2)  # a step that shows no progress for so long counts as lost
_SHOWN_EVERY = 0.5  # seconds
_State = BackgroundTask.State
_log = structlog.get_logger(__name__)

Work = Callable[[BackgroundTask, "Progress"], dict[str, Any]]


def task_request(
    *,
    kind: BackgroundTask.Kind,
    subject: str,
    actor: Actor,
    model: str = "",
    asked: Mapping[str, Any] | None = None,
) -> BackgroundTask:
    """Queue the work, or give the active task of that kind and subject. Permission is the caller's to ask."""
    try:
        with transaction.atomic():
            return BackgroundTask.objects.create(
                kind=kind,
                subject=subject,
                model=model,
                asked=dict(asked or {}),
                requested_by=actor.name,
                due_at=timezone.now(),
            )
    except IntegrityError:
        return BackgroundTask.objects.get(kind=kind, subject=subject, state__in=[_State.QUEUED, _State.RUNNING])


def task_execute(*, task_id: UUID, kinds: Mapping[str, Work]) -> None:
    """Claim the task and do its work; the row says how it went. A second message for it ends at the claim."""
    task = _claimed(task_id)
    if task is None:
        return
    try:
        result = kinds[task.kind](task, Progress(task))
        _held(task).update(
            state=_State.SUCCEEDED, result=result, finished_at=timezone.now(), lease_expires_at=None, done=F("total")
        )
    except TaskFenced:
        _log.warning("task_fenced", task=str(task.pk), attempt=task.attempt)
    except CodesoftError as error:
        _log.warning("task_failed", task=str(task.pk), code=error.code)
        _fail(task, str(error))
    except Exception as error:
        _log.exception("task_crashed", task=str(task.pk))
        _fail(task, f"{type(error).__name__}: {error}")


def tasks_dispatch(*, send: Callable[[UUID], None]) -> int:
    """Send the due tasks; see `rows_dispatch`."""
    return rows_dispatch(queued=BackgroundTask.objects.filter(state=_State.QUEUED), send=send)


def tasks_requeue_expired() -> int:
    """Queue the tasks again whose worker was lost; after the last attempt they have failed."""
    running = BackgroundTask.objects.filter(state=_State.RUNNING)
    return expired_requeue(running=running, lost=_State.FAILED, reset={"step": ""})


@dataclass
class Progress:
    """What the page shows while a task works; telling it also renews the lease."""

    task: BackgroundTask
    _shown: float = 0.0

    def tell(self, done: int, total: int, step: str = "") -> None:
        """`done` of `total`; TaskFenced where the row belongs to another attempt by now. Cheap to call often."""
        if monotonic() - self._shown < _SHOWN_EVERY and done < total:
            return
        self._shown = monotonic()
        held = _held(self.task).update(done=done, total=total, step=step[:200], lease_expires_at=_lease_end())
        if not held:
            raise TaskFenced(f"{self.task} is no longer this worker's.", details={"task": str(self.task.pk)})


def _claimed(task_id: UUID) -> BackgroundTask | None:
    queued = BackgroundTask.objects.filter(pk=task_id, state=_State.QUEUED, attempt__lt=settings.RUN_MAX_ATTEMPTS)
    claimed = queued.update(
        state=_State.RUNNING,
        attempt=F("attempt") + 1,
        lease_expires_at=_lease_end(),
        started_at=timezone.now(),
        done=0,
        step="",
        error="",
    )
    return BackgroundTask.objects.get(pk=task_id) if claimed else None


def _held(task: BackgroundTask) -> QuerySet[BackgroundTask]:
    return BackgroundTask.objects.filter(pk=task.pk, attempt=task.attempt, state=_State.RUNNING)


def _fail(task: BackgroundTask, error: str) -> None:
    _held(task).update(state=_State.FAILED, error=error[:2_000], finished_at=timezone.now(), lease_expires_at=None)


def _lease_end() -> datetime:
    return timezone.now() + LEASE
