"""The schedule by which a model trains: one row of django-celery-beat, set on the model's page, each change audited."""

import json
from contextlib import suppress

from django.core.exceptions import ValidationError
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from django_celery_beat.validators import crontab_validator

from registry_ui.errors import InvalidSchedule, WrongState
from registry_ui.selectors import NEVER_COMES, RETRAIN_TASK, next_moment, schedule_name
from registry_ui.services.access import ADMINISTER, Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.deployments import deployment_lock

_EXPIRES = 3_600  # seconds: a worker that was away for longer waits for the next time
_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def schedule_set(*, model: str, cron: str, actor: Actor) -> PeriodicTask:
    """Train `model` at the times of a cron line, in UTC: minute, hour, day of the month, month, day of the week.

    InvalidSchedule says what is wrong with the line. A schedule that there is gets the new times, and is on again.
    """
    actor.require(ADMINISTER, model)
    times = _times(cron)
    with transaction.atomic():
        deployment_lock(model=model)
        before = _standing(model)
        crontab, _ = CrontabSchedule.objects.get_or_create(**times, timezone="UTC")
        task, _ = PeriodicTask.objects.update_or_create(
            name=schedule_name(model),
            defaults={
                "task": RETRAIN_TASK,
                "args": json.dumps([model]),
                "crontab": crontab,
                "interval": None,
                "expire_seconds": _EXPIRES,
                "enabled": True,
                "last_run_at": None,  # it counts from now: a time that was moved is not one that was missed
                "description": f"Set by {actor.name}.",
            },
        )
        _tell(actor, model, before, " ".join(times.values()))
    return task


def schedule_remove(*, model: str, actor: Actor) -> None:
    """Train by no schedule any more; WrongState where there is none."""
    actor.require(ADMINISTER, model)
    with transaction.atomic():
        deployment_lock(model=model)
        before = _standing(model)
        deleted, _ = PeriodicTask.objects.filter(name=schedule_name(model)).delete()
        if not deleted:
            raise WrongState(f"{model} has no schedule.", details={"model": model})
        _tell(actor, model, before, None)


def _times(cron: str) -> dict[str, str]:
    try:
        crontab_validator(cron)
    except ValidationError as error:
        raise _invalid(f"{cron.strip()!r} is no cron line: {error.messages[0]}.") from error
    times = dict(zip(_FIELDS, cron.split(), strict=True))
    with suppress(*NEVER_COMES):
        next_moment(CrontabSchedule(**times, timezone="UTC").schedule)
        return times
    raise _invalid(f"{cron.strip()!r} never comes.")


def _invalid(message: str) -> InvalidSchedule:
    return InvalidSchedule(message, advice="It looks like 0 2 * * 1: each Monday at 02:00.", details={"field": "cron"})


def _standing(model: str) -> str | None:
    task = PeriodicTask.objects.filter(name=schedule_name(model)).select_related("crontab", "interval").first()
    return str(task.scheduler) if task else None


def _tell(actor: Actor, model: str, before: str | None, after: str | None) -> None:
    details = {"before": before, "after": after}
    audit_append(events=[Event(actor=actor.name, action="model.schedule", model=model, subject=model, details=details)])
