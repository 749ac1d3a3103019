"""Runs that nobody asks for: each kind of trigger by its policy, with its cool-down, one at a time, and audited."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry
from pytest_django import Settings

from ml_pipeline.sources.arrivals import documents_arrived
from registry_ui import tasks
from registry_ui.errors import InvalidSchedule, PermissionRefused, WrongState
from registry_ui.models import AuditEntry, ModelPolicy, ModelVersion, PipelineRun, Trigger
from registry_ui.selectors import retraining_policy, schedules_of
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.retraining import documents_look, retrain_when_due
from registry_ui.services.runs import run_request
from registry_ui.services.schedules import schedule_remove, schedule_set
from tests.registry_ui.candidates import write_candidate
from tests.registry_ui.conftest import Import

pytestmark = pytest.mark.django_db
State = PipelineRun.State


@pytest.fixture
def declared() -> Callable[..., None]:
    """Declare when the fruit model trains, as a run of it would find it."""
    deployment_ensure(model="fruit")

    def declare(**policy: Any) -> None:
        ModelPolicy.objects.update_or_create(model="fruit", defaults={"retraining": policy})

    return declare


def end(run: PipelineRun | None, **changes: Any) -> None:
    assert run is not None
    PipelineRun.objects.filter(pk=run.pk).update(state=State.FAILED, finished_at=timezone.now(), **changes)


def due(trigger: Trigger) -> PipelineRun | None:
    return retrain_when_due(model="fruit", trigger=trigger, why="drift report 17")


def test_a_run_starts_once_as_the_system_and_says_why(declared: Callable[..., None]) -> None:
    declared(on_drift=True)

    run = due(Trigger.DRIFT)
    assert due(Trigger.DRIFT) is None  # it is active

    assert run is not None
    assert (run.trigger, run.trigger_detail, run.requested_by) == ("drift", "drift report 17", "system:drift")
    entry = AuditEntry.objects.get(action="run.request")
    assert (entry.actor, json.loads(entry.payload)["details"]["why"]) == ("system:drift", "drift report 17")


@pytest.mark.parametrize("trigger", [Trigger.DRIFT, Trigger.DOCUMENTS])
def test_what_the_policy_does_not_ask_for_starts_nothing(declared: Callable[..., None], trigger: Trigger) -> None:
    declared()

    assert due(trigger) is None


def test_each_kind_of_trigger_cools_down_by_itself(declared: Callable[..., None]) -> None:
    declared(on_drift=True, cool_down_hours={"drift": 5})
    first = due(Trigger.DRIFT)
    end(first)

    assert due(Trigger.DRIFT) is None
    by_schedule = due(Trigger.SCHEDULE)
    end(by_schedule)
    PipelineRun.objects.filter(trigger=Trigger.DRIFT).update(created_at=timezone.now() - timedelta(hours=5, seconds=1))
    assert due(Trigger.DRIFT) is not None


@pytest.mark.django_db(transaction=True)
def test_of_two_schedulers_at_once_one_starts_a_run() -> None:
    deployment_ensure(model="fruit")

    def beat(_: int) -> bool:
        try:
            return due(Trigger.SCHEDULE) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(beat, range(4))) == 1
    end(PipelineRun.objects.get())
    assert due(Trigger.SCHEDULE) is None  # the late message of the other scheduler


def test_the_policy_of_the_last_run_of_ours_holds_at_once_and_no_foreign_version_changes_it(
    import_one: Import, tmp_path: Path
) -> None:
    root = write_candidate(tmp_path / "ours")
    path = root / "artifacts/fruit/registration/recommendation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "retraining": {"new_documents": 7}}))
    from registry_ui.services.candidates import candidate_import

    candidate_import(model="fruit", root=root, actor=Actor.operator("test"))
    import_one(flavour=2.0, elsewhere=True)

    assert retraining_policy(model="fruit").new_documents == 7


def test_a_schedule_is_set_changed_and_removed_by_who_administers_and_audited(requester: Actor) -> None:
    deployment_ensure(model="fruit")
    with pytest.raises(PermissionRefused):
        schedule_set(model="fruit", cron="0 2 * * *", actor=requester)
    operator = Actor.operator("test")

    schedule_set(model="fruit", cron="0 2 * * *", actor=operator)
    schedule_set(model="fruit", cron="30 4 * * 1", actor=operator)

    (schedule,) = schedules_of(model="fruit")
    assert (schedule.cron, schedule.own) == ("30 4 * * 1", True)
    assert schedule.next_at is not None
    assert (schedule.next_at.weekday(), schedule.next_at.hour, schedule.next_at.minute) == (0, 4, 30)
    task = PeriodicTask.objects.get(name="retrain fruit")
    assert (task.task, json.loads(task.args)) == (tasks.retrain_on_schedule.name, ["fruit"])
    schedule_remove(model="fruit", actor=operator)
    with pytest.raises(WrongState):
        schedule_remove(model="fruit", actor=operator)
    entries = AuditEntry.objects.filter(action="model.schedule").order_by("sequence")
    changes = [json.loads(entry.payload)["details"] for entry in entries]
    assert [change["after"] for change in changes] == ["0 2 * * *", "30 4 * * 1", None]


def test_a_schedule_that_is_moved_starts_nothing_before_its_next_time() -> None:
    deployment_ensure(model="fruit")
    an_hour_ago = timezone.now() - timedelta(hours=1)
    for cron in ("0 2 * * *", f"{an_hour_ago.minute} {an_hour_ago.hour} * * *"):
        task = schedule_set(model="fruit", cron=cron, actor=Actor.operator("test"))
        assert not ModelEntry(task, app=current_app).is_due().is_due
        PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=timezone.now() - timedelta(hours=20))


@pytest.mark.parametrize("cron", ["", "every day", "61 2 * * *", "0 2 * *", "0 2 30 2 *"])
def test_a_line_that_cannot_be_or_never_comes_is_refused(cron: str) -> None:
    deployment_ensure(model="fruit")

    with pytest.raises(InvalidSchedule):
        schedule_set(model="fruit", cron=cron, actor=Actor.operator("test"))


def test_a_schedule_of_a_model_that_is_declared_no_longer_does_no_harm() -> None:
    tasks.retrain_on_schedule("no-such-model")
    deployment_ensure(model="fruit")  # known to the registry, and in no params.yaml
    tasks.retrain_on_schedule("fruit")

    assert not PipelineRun.objects.exists()


def test_a_schedule_starts_a_run_that_names_it() -> None:
    deployment_ensure(model="mortgage")
    schedule_set(model="mortgage", cron="0 2 * * *", actor=Actor.operator("test"))
    tasks.retrain_on_schedule("mortgage")

    run = PipelineRun.objects.get()
    assert (run.trigger, run.requested_by) == ("schedule", "system:schedule")
    assert "02:00" in run.trigger_detail


@pytest.mark.parametrize(("seen", "started"), [(1_891, 0), (1_800, 1)])
def test_new_documents_start_a_run_when_there_are_enough(
    seen: int, started: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundled snapshot of mortgages holds 1,891 documents; the last run saw fewer, or all of them."""
    monkeypatch.chdir(settings.BASE_DIR)
    monkeypatch.delenv("MONGODB_URI", raising=False)
    deployment_ensure(model="mortgage")
    ModelPolicy.objects.create(model="mortgage", retraining={"new_documents": 90})
    version = ModelVersion.objects.create(model="mortgage", number=1, bundle_hash="1" * 64, data_hash="a" * 64)
    last = run_request(model="mortgage", actor=Actor.operator("test"), trigger=Trigger.COMMAND)
    ended = {"state": State.SUCCEEDED, "version": version, "started_at": timezone.now(), "finished_at": timezone.now()}
    PipelineRun.objects.filter(pk=last.pk).update(documents=seen, watermark="zzz", **ended)

    assert documents_look() == started
    assert documents_look() == 0
    if started:
        run = PipelineRun.objects.get(trigger=Trigger.DOCUMENTS)
        assert run.trigger_detail.startswith("91 new documents since ")


def test_a_source_that_is_away_stops_no_other_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for model in ("aaa", "mortgage"):  # no such model is declared
        deployment_ensure(model=model)
        ModelPolicy.objects.create(model=model, retraining={"new_documents": 1})
        version = ModelVersion.objects.create(model=model, number=1, bundle_hash="1" * 64, data_hash="a" * 64)
        last = run_request(model=model, actor=Actor.operator("test"), trigger=Trigger.COMMAND)
        ended = {"state": State.SUCCEEDED, "version": version, "started_at": timezone.now()}
        PipelineRun.objects.filter(pk=last.pk).update(documents=1, watermark="", finished_at=timezone.now(), **ended)

    assert documents_look() == 1


def test_documents_behind_the_watermark_are_new_although_as_many_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.ml_pipeline.declared import MODEL, block, document

    (tmp_path / "params.yaml").write_text(json.dumps({"models": {MODEL: block()}}))
    lines = "".join(json.dumps(document(number)) + "\n" for number in range(10, 20))
    (tmp_path / "tickets.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MONGODB_URI", raising=False)

    assert documents_arrived(MODEL, known=10, watermark="000014") == 5  # five went before it, five came behind
    assert documents_arrived(MODEL, known=4, watermark="zzz") == 6  # ids in no order of time
