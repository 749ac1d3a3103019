"""When models train by schedule: rows of django-celery-beat, set on a model's page or in the admin."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django_celery_beat.models import PeriodicTask

NEVER_COMES = (RuntimeError, ValueError)  # what Celery raises, for want of a better word, for a thirtieth of February
RETRAIN_TASK = "registry_ui.tasks.retrain_on_schedule"


@dataclass(frozen=True)
class Schedule:
    """A schedule of a model. `next_at` is None where it is off; `own` is the one that the model's page sets."""

    task: PeriodicTask
    text: str
    cron: str
    next_at: datetime | None
    own: bool


def schedule_name(model: str) -> str:
    return f"retrain {model}"


def schedules_of(*, model: str) -> list[Schedule]:
    tasks = PeriodicTask.objects.filter(task=RETRAIN_TASK, args=json.dumps([model])).order_by("name")
    return [_described(task, model) for task in tasks.select_related("crontab", "interval", "clocked", "solar")]


def next_moment(schedule: Any, last: datetime | None = None) -> datetime:
    """The next time of a Celery schedule, to the second; one by interval counts from `last`."""
    now = timezone.now()
    moment: datetime = (
        now + schedule.remaining_estimate(last or now) + timedelta(seconds=0.5)
    )  # it has a clock of its own
    return max(moment, now).replace(microsecond=0)


def _described(task: PeriodicTask, model: str) -> Schedule:
    crontab = task.crontab
    return Schedule(
        task=task,
        text=crontab.human_readable if crontab else str(task.scheduler),
        cron=_line(crontab) if crontab else "",
        next_at=_next_at(task) if task.enabled else None,
        own=task.name == schedule_name(model),
    )


def _next_at(task: PeriodicTask) -> datetime | None:
    """None also for a time that the admin takes and that never comes."""
    with suppress(*NEVER_COMES):
        return next_moment(task.schedule, task.last_run_at if task.interval else None)
    return None


def _line(crontab: Any) -> str:
    """As a crontab file has it; `str(crontab)` has another order."""
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    return " ".join(str(getattr(crontab, field)) for field in fields)
