"""Background tasks: asked once, done once, visibly, and never lost with their worker."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from ml_pipeline.errors import TrackingUnavailable
from registry_ui.models import BackgroundTask
from registry_ui.services.access import Actor
from registry_ui.services.background import (
    Progress,
    task_execute,
    task_request,
    tasks_dispatch,
    tasks_requeue_expired,
)

pytestmark = pytest.mark.django_db
SYNC = BackgroundTask.Kind.SYNC
State = BackgroundTask.State


def asked(subject: str = "everything", **more: Any) -> BackgroundTask:
    return task_request(kind=SYNC, subject=subject, actor=Actor.operator("test"), **more)


def counted(task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    progress.tell(1, 4, "first")
    return {"seen": task.asked}


def expire(task: BackgroundTask) -> None:
    BackgroundTask.objects.filter(pk=task.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_work_that_is_asked_for_twice_is_one_task() -> None:
    first = asked()

    assert asked() == first
    assert asked("something else") != first
    with pytest.raises(IntegrityError):
        BackgroundTask.objects.create(kind=SYNC, subject="everything", requested_by="x", due_at=timezone.now())


def test_a_task_is_sent_once_and_done_once_and_keeps_its_result() -> None:
    task = asked(asked={"size": 3})
    sent: list[Any] = []
    assert tasks_dispatch(send=sent.append) == 1
    assert tasks_dispatch(send=sent.append) == 0

    task_execute(task_id=sent[0], kinds={SYNC: counted})
    task_execute(task_id=sent[0], kinds={SYNC: counted})

    task.refresh_from_db()
    assert (task.state, task.attempt, task.result) == (State.SUCCEEDED, 1, {"seen": {"size": 3}})
    assert task.percent == 100


def test_what_went_wrong_stands_in_the_row_and_the_work_may_be_asked_for_again() -> None:
    def refused(_task: BackgroundTask, _progress: Progress) -> dict[str, Any]:
        raise TrackingUnavailable("The server is away.", advice="Start it.")

    def broken(_task: BackgroundTask, _progress: Progress) -> dict[str, Any]:
        raise ZeroDivisionError("by zero")

    for work, told in ((refused, "The server is away. Start it."), (broken, "ZeroDivisionError: by zero")):
        task = asked()
        task_execute(task_id=task.pk, kinds={SYNC: work})
        task.refresh_from_db()
        assert task.state == State.FAILED
        assert told in task.error


def test_a_task_whose_worker_was_lost_is_done_by_another_and_the_first_is_fenced() -> None:
    task = asked()

    def lost_in_the_middle(held: BackgroundTask, progress: Progress) -> dict[str, Any]:
        progress.tell(1, 4, "first")
        expire(held)
        assert tasks_requeue_expired() == 1
        task_execute(task_id=held.pk, kinds={SYNC: counted})
        progress.tell(4, 4, "last")
        raise AssertionError("a fenced attempt goes on")

    task_execute(task_id=task.pk, kinds={SYNC: lost_in_the_middle})

    task.refresh_from_db()
    assert (task.state, task.attempt, task.result) == (State.SUCCEEDED, 2, {"seen": {}})


def test_a_task_that_loses_its_worker_three_times_has_failed() -> None:
    task = asked()
    for _ in range(3):
        expired = timezone.now() - timedelta(seconds=1)
        running = {"state": State.RUNNING, "attempt": task.attempt + 1, "lease_expires_at": expired}
        BackgroundTask.objects.filter(pk=task.pk, state=State.QUEUED).update(**running)
        assert tasks_requeue_expired() == 1
        task.refresh_from_db()

    assert task.state == State.FAILED
    assert "lost 3 times" in task.error
