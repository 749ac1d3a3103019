"""Request, publish, cancel and rescue pipeline runs. Nothing here talks to the broker: rows are due, a door sends."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from registry_ui.errors import RunActive, WrongState
from registry_ui.models import PipelineRun
from registry_ui.selectors import active_run, deployment_get, run_get
from registry_ui.services.access import REQUEST_RUN, Actor
from registry_ui.services.audit import Event, audit_append

# A message may be lost with its broker. A run that nobody took within this time is sent again: taking it is idempotent.
_SENT_AGAIN_AFTER = timedelta(minutes=2)
_BATCH = 100
_State = PipelineRun.State
_log = structlog.get_logger(__name__)


def run_request(*, model: str, actor: Actor, trigger: str = "manual") -> PipelineRun:
    """Queue a run; RunActive, with the id of the unfinished one, where the model has one."""
    actor.require(REQUEST_RUN)
    deployment_get(model=model)
    try:
        with transaction.atomic():
            run = PipelineRun.objects.create(
                model=model, trigger=trigger, requested_by=actor.name, due_at=timezone.now()
            )
            audit_append(events=[_event(run, actor, "run.request", trigger=trigger)])
    except IntegrityError as error:
        raise _active(model) from error
    return run


def run_cancel(*, model: str, run_id: UUID | str, actor: Actor) -> PipelineRun:
    """Cancel a queued or running run; its processes end within a heartbeat, and nothing of it is imported."""
    actor.require(REQUEST_RUN)
    run = run_get(model=model, run_id=run_id)
    with transaction.atomic():
        cancelled = PipelineRun.objects.filter(pk=run.pk, state__in=[_State.QUEUED, _State.RUNNING]).update(
            state=_State.CANCELLED, finished_at=timezone.now(), lease_expires_at=None, stage=""
        )
        if not cancelled:
            run.refresh_from_db()
            raise WrongState(f"The run has ended: {run.get_state_display().lower()}.", details={"state": run.state})
        audit_append(events=[_event(run, actor, "run.cancel", attempt=run.attempt)])
    run.refresh_from_db()
    return run


def runs_dispatch(*, send: Callable[[UUID], None]) -> int:
    """Give every due run to `send`, and how many were taken. A run whose sending fails stays due."""
    now = timezone.now()
    unsent = Q(published_at__isnull=True) | Q(published_at__lt=now - _SENT_AGAIN_AFTER)
    due = PipelineRun.objects.filter(unsent, state=_State.QUEUED, due_at__lte=now).order_by("due_at")
    sent = 0
    for run_id in list(due.values_list("pk", flat=True)[:_BATCH]):
        try:
            send(run_id)
        except Exception as error:
            # Whatever the broker's client raises: the row stays due, and the others would fail alike.
            _log.warning("run_not_sent", run=str(run_id), error=repr(error))
            return sent
        PipelineRun.objects.filter(pk=run_id, state=_State.QUEUED).update(published_at=timezone.now())
        sent += 1
    return sent


def runs_requeue_expired() -> int:
    """Queue the runs again whose worker no longer renews the lease; after the last attempt they are lost.

    Gives how many were found. The compare-and-set keeps a lease that was renewed in this moment.
    """
    now = timezone.now()
    expired = PipelineRun.objects.filter(state=_State.RUNNING, lease_expires_at__lt=now)
    again = {"state": _State.QUEUED, "due_at": now, "published_at": None, "lease_expires_at": None, "stage": ""}
    lost = {"state": _State.LOST, "finished_at": now, "lease_expires_at": None, "stage": ""}
    lost["error"] = f"The worker was lost {settings.RUN_MAX_ATTEMPTS} times."
    found = expired.filter(attempt__lt=settings.RUN_MAX_ATTEMPTS).update(**again)
    return found + expired.filter(attempt__gte=settings.RUN_MAX_ATTEMPTS).update(**lost)


def _active(model: str) -> RunActive:
    run = active_run(model=model)
    return RunActive(
        f"{model} is being trained already.",
        advice="Wait for that run, or cancel it.",
        details={"model": model, "run": str(run.pk) if run else None},
    )


def _event(run: PipelineRun, actor: Actor, action: str, **details: object) -> Event:
    return Event(actor=actor.name, action=action, model=run.model, subject=f"run {run.pk}", details=details)
