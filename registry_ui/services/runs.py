"""Request, publish, cancel and rescue pipeline runs. Nothing here talks to the broker: rows are due, a door sends."""

from collections.abc import Callable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry_ui.errors import RunActive, WrongState
from registry_ui.models import PipelineRun, Trigger
from registry_ui.selectors import active_run, deployment_get, run_get
from registry_ui.services.access import REQUEST, Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.dispatching import expired_requeue, rows_dispatch

_State = PipelineRun.State
_WHY_LENGTH = 200


def run_request(*, model: str, actor: Actor, trigger: Trigger, why: str = "") -> PipelineRun:
    """Queue a run; RunActive, with the id of the unfinished one, where the model has one. `why` is for people."""
    actor.require(REQUEST, model)
    deployment_get(model=model)
    try:
        with transaction.atomic():
            run = PipelineRun.objects.create(
                model=model,
                trigger=trigger,
                trigger_detail=why[:_WHY_LENGTH],
                requested_by=actor.name,
                due_at=timezone.now(),
            )
            audit_append(events=[_event(run, actor, "run.request", trigger=trigger, why=run.trigger_detail)])
    except IntegrityError as error:
        raise _active(model) from error
    return run


def run_cancel(*, model: str, run_id: UUID | str, actor: Actor) -> PipelineRun:
    """Cancel a queued or running run; its processes end within a heartbeat, and nothing of it is imported."""
    actor.require(REQUEST, model)
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
    """Send the due runs; see `rows_dispatch`."""
    return rows_dispatch(queued=PipelineRun.objects.filter(state=_State.QUEUED), send=send)


def runs_requeue_expired() -> int:
    """Queue the runs again whose worker was lost; after the last attempt they are lost themselves."""
    running = PipelineRun.objects.filter(state=_State.RUNNING)
    return expired_requeue(running=running, lost=_State.LOST, reset={"stage": ""})


def _active(model: str) -> RunActive:
    run = active_run(model=model)
    return RunActive(
        f"{model} is being trained already.",
        advice="Wait for that run, or cancel it.",
        details={"model": model, "run": str(run.pk) if run else None},
    )


def _event(run: PipelineRun, actor: Actor, action: str, **details: object) -> Event:
    return Event(actor=actor.name, action=action, model=run.model, subject=f"run {run.pk}", details=details)
