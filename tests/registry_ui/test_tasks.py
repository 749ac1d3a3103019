"""Tasks and dispatcher: names, routes and schedules agree, and the filesystem broker carries a run."""

from pathlib import Path

import pytest
from celery import Celery, current_app
from django.conf import settings
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from codesoft.celery import make_broker_folders
from registry_ui import tasks
from registry_ui.dispatcher import EXECUTE_RUN, EXECUTE_TASK, dispatch_once
from registry_ui.models import PipelineRun, Trigger
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.runs import run_request


def test_what_is_sent_and_scheduled_is_a_task_of_ours() -> None:
    periodic = (
        tasks.mirror_outbox,
        tasks.deliver_notifications,
        tasks.forget_kept_answers,
        tasks.look_at_rollouts,
        tasks.forget_version_counts,
        tasks.replay_to_shadows,
        tasks.requeue_expired_leases,
        tasks.sync_registry,
        tasks.forget_kept_answers,
        tasks.settle_feedback,
        tasks.count_performance,
        tasks.forget_traffic,
        tasks.schedule_drift,
        tasks.erase_inputs,
        tasks.look_for_documents,
    )
    registered = {task.name for task in periodic}

    assert tasks.execute_run.name == EXECUTE_RUN
    assert tasks.execute_task.name == EXECUTE_TASK
    assert EXECUTE_RUN in settings.CELERY_TASK_ROUTES
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} == registered


@pytest.mark.django_db
def test_the_scheduler_lets_every_periodic_message_expire_within_its_period() -> None:
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        ModelEntry.from_entry(name, app=current_app._get_current_object(), **entry)
    rows = PeriodicTask.objects.filter(task__startswith="registry_ui.tasks.")
    assert len(rows) == len(settings.CELERY_BEAT_SCHEDULE)
    for row in rows:
        assert row.expire_seconds is not None
        assert 1 <= row.expire_seconds <= max(row.interval.every, 1)


def test_a_run_is_acknowledged_before_it_starts() -> None:
    assert tasks.execute_run.acks_late is False
    assert tasks.execute_task.acks_late is False


@pytest.mark.django_db
def test_the_command_puts_a_due_run_on_the_queue_of_runs(capsys: pytest.CaptureFixture[str]) -> None:
    make_broker_folders()
    deployment_ensure(model="fruit")
    run = run_request(model="fruit", actor=Actor.operator("test"), trigger=Trigger.PERSON)

    call_command("dispatch_runs", "--once")

    assert capsys.readouterr().out.strip() == "1 sent."
    run.refresh_from_db()
    assert run.published_at is not None
    messages = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"]).glob("*.runs.msg")
    assert any(str(run.pk) in message.read_text() for message in messages)


@pytest.mark.django_db
def test_a_run_stays_due_while_nobody_listens_at_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Celery("away", broker="redis://127.0.0.1:9/0", set_as_current=False)
    monkeypatch.setattr("registry_ui.dispatcher.current_app", away)
    deployment_ensure(model="fruit")
    run_request(model="fruit", actor=Actor.operator("test"), trigger=Trigger.PERSON)

    assert dispatch_once() == 0
    assert PipelineRun.objects.get().published_at is None


def test_the_application_is_current_wherever_django_is_set_up() -> None:
    assert current_app.main == "codesoft"
