"""Pipeline runs: one at a time, at most three attempts, and no import by an attempt that is no longer current."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import IntegrityError, close_old_connections, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from ml_pipeline.baseline import read_baseline
from ml_pipeline.errors import RunFailed, RunKilled, UnknownModel
from ml_pipeline.paths import Artifacts
from ml_pipeline.running.job import JobResult
from ml_pipeline.running.progress import STAGES
from predictions.models import Deployment
from registry_ui.dispatcher import declare_models, dispatch_once
from registry_ui.errors import PermissionRefused, RunActive, RunFenced, WrongState
from registry_ui.models import AuditEntry, BackgroundTask, ModelVersion, PipelineRun, Trigger
from registry_ui.run_progress import run_progress, waiting_words
from registry_ui.selectors import UsualSeconds, active_run, broker_contact
from registry_ui.services.access import Actor
from registry_ui.services.candidates import candidate_import
from registry_ui.services.decisions import version_approve
from registry_ui.services.deployments import deployment_ensure, deployments_declare
from registry_ui.services.execution import run_execute
from registry_ui.services.run_state import run_claim, run_renew
from registry_ui.services.runs import run_cancel, run_request, runs_dispatch, runs_requeue_expired
from tests.registry_ui.candidates import write_candidate
from tests.registry_ui.conftest import Import, live

pytestmark = pytest.mark.django_db
# An attempt works in three threads' connections; a transaction that is rolled back at the end would hide its rows.
committing = pytest.mark.django_db(transaction=True)


@pytest.fixture
def requested(requester: Actor) -> PipelineRun:
    deployment_ensure(model="fruit")
    return run_request(model="fruit", actor=requester, trigger=Trigger.PERSON)


class Training:
    """A job that leaves a candidate where a real one would, after `meanwhile` happened, compared with its baseline."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None, **candidate: Any) -> None:
        self.baselines: list[int | None] = []
        self._meanwhile = meanwhile
        self._candidate = candidate

    def __call__(
        self,
        model: str,
        workspace: Path,
        *,
        on_line: Callable[[str], None],
        on_stages: Callable[[list[dict[str, Any]]], None],
        **_: Any,
    ) -> JobResult:
        baseline = read_baseline(workspace / Artifacts(model).baseline)
        champion = ModelVersion.objects.get(model=model, number=baseline.version) if baseline else None
        self.baselines.append(baseline.version if baseline else None)
        on_line("Running stage")
        on_stages([{"stage": "ingestion", "state": "done", "seconds": 1.0}])
        self._meanwhile()
        write_candidate(workspace, model=model, champion=champion, **self._candidate)
        published = {"run_id": f"r{len(self.baselines)}", "version": 7, "url": None}
        return JobResult(workspace / "artifacts", published, b"schema: '2.0'\n", [])


def refreshed(run: PipelineRun) -> PipelineRun:
    run.refresh_from_db()
    return run


def expire(run: PipelineRun) -> None:
    PipelineRun.objects.filter(pk=run.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_a_second_request_is_refused_with_the_id_of_the_active_run(requested: PipelineRun, requester: Actor) -> None:
    with pytest.raises(RunActive) as refused:
        run_request(model="fruit", actor=requester, trigger=Trigger.PERSON)

    assert refused.value.details["run"] == str(requested.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        PipelineRun.objects.create(model="fruit", trigger="person", requested_by="x", due_at=timezone.now())


def test_whoever_may_not_request_runs_gets_none(approver: Actor) -> None:
    deployment_ensure(model="fruit")

    with pytest.raises(PermissionRefused):
        run_request(model="fruit", actor=approver, trigger=Trigger.PERSON)


@committing
def test_of_ten_requests_at_once_one_run_comes(requester: Actor) -> None:
    deployment_ensure(model="fruit")

    def ask(_: int) -> str:
        try:
            return str(run_request(model="fruit", actor=requester, trigger=Trigger.PERSON).pk)
        except RunActive as error:
            return str(error.details["run"])
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(ask, range(10)))) == 1
    assert PipelineRun.objects.count() == 1


def test_due_runs_are_sent_once_and_stay_due_while_the_broker_is_away(requested: PipelineRun) -> None:
    def away(_: UUID) -> None:
        raise ConnectionError

    sent: list[UUID] = []
    assert runs_dispatch(send=away) == 0
    assert runs_dispatch(send=sent.append) == 1
    assert runs_dispatch(send=sent.append) == 0
    assert sent == [requested.pk]


def test_a_message_that_was_lost_is_sent_again(requested: PipelineRun) -> None:
    PipelineRun.objects.update(published_at=timezone.now() - timedelta(minutes=3))

    assert runs_dispatch(send=lambda _: None) == 1


def test_of_two_messages_for_one_run_one_is_taken(requested: PipelineRun) -> None:
    assert run_claim(run_id=requested.pk) is not None
    assert run_claim(run_id=requested.pk) is None


def test_an_expired_lease_is_queued_again_at_most_three_attempts_and_then_lost(requested: PipelineRun) -> None:
    for attempt in (1, 2, 3):
        claim = run_claim(run_id=requested.pk)
        assert claim is not None
        assert claim.attempt == attempt
        assert runs_requeue_expired() == 0
        expire(requested)
        assert runs_requeue_expired() == 1

    assert refreshed(requested).state == "lost"
    assert "3 times" in requested.error
    assert run_claim(run_id=requested.pk) is None


def test_a_renewed_lease_is_left_alone(requested: PipelineRun) -> None:
    claim = run_claim(run_id=requested.pk)
    assert claim is not None
    expire(requested)
    assert run_renew(claim=claim)

    assert runs_requeue_expired() == 0


def test_an_attempt_that_is_no_longer_current_imports_nothing(requested: PipelineRun, tmp_path: Path) -> None:
    old = run_claim(run_id=requested.pk)
    expire(requested)
    runs_requeue_expired()
    new = run_claim(run_id=requested.pk)
    write_candidate(tmp_path)

    with pytest.raises(RunFenced):
        candidate_import(model="fruit", root=tmp_path, actor=Actor.system("pipeline"), run=old)
    assert not ModelVersion.objects.exists()
    assert live() is None
    assert AuditEntry.objects.filter(action__startswith="version").count() == 0

    candidate_import(model="fruit", root=tmp_path, actor=Actor.system("pipeline"), run=new)
    assert (refreshed(requested).state, requested.version) == ("succeeded", live())


@committing
def test_a_run_trains_imports_and_ends_with_its_version(requested: PipelineRun, settings: Settings) -> None:
    version = run_execute(run_id=requested.pk, job=Training())

    run = refreshed(requested)
    assert version is not None
    assert (run.state, run.version, run.attempt) == ("succeeded", version, 1)
    assert (run.stages[0]["stage"], run.log) == ("ingestion", "Running stage")
    assert (version.run_id, version.number, version.requested_by) == ("r1", 7, "rui")
    assert version.lineage["started_by"] == f"{run.trigger} by rui"
    assert BackgroundTask.objects.get().subject == "fruit"  # its mirror is looked at next
    assert live() == version
    assert list(Path(settings.WORKSPACES_DIR).iterdir()) == []


@committing
def test_a_run_clears_away_what_a_killed_attempt_left_on_its_machine(
    requested: PipelineRun, settings: Settings
) -> None:
    left = Path(settings.WORKSPACES_DIR) / f"{requested.pk}-0"
    left.mkdir(parents=True)
    run_execute(run_id=requested.pk, job=Training())

    assert not left.exists()


@committing
def test_a_workspace_that_another_run_makes_at_this_moment_stays(
    requested: PipelineRun, requester: Actor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_ensure(model="bread")
    other = run_request(model="bread", actor=requester, trigger=Trigger.PERSON)
    theirs = Path(settings.WORKSPACES_DIR) / f"{other.pk}-1"
    glob = Path.glob

    def while_it_is_made(folder: Path, pattern: str) -> Any:
        if folder == theirs.parent and run_claim(run_id=other.pk) is not None:
            theirs.mkdir(parents=True)
        return glob(folder, pattern)

    monkeypatch.setattr(Path, "glob", while_it_is_made)
    run_execute(run_id=requested.pk, job=Training())
    assert theirs.exists()


@committing
def test_a_failed_run_says_why_and_frees_the_model(requested: PipelineRun, requester: Actor) -> None:
    def fails(*_: Any, **__: Any) -> JobResult:
        raise RunFailed("`dvc repro` ended with status 1.", details={"lines": ["contract broken"]})

    assert run_execute(run_id=requested.pk, job=fails) is None
    assert refreshed(requested).state == "failed"
    assert requested.error == "`dvc repro` ended with status 1.\ncontract broken"
    assert run_request(model="fruit", actor=requester, trigger=Trigger.PERSON).state == "queued"


@committing
def test_a_stage_that_prints_a_nul_fails_with_its_words(requested: PipelineRun) -> None:
    def fails(*_: Any, on_line: Callable[[str], None], **__: Any) -> JobResult:
        on_line("\x00 said the stage")
        raise RunFailed("`dvc repro` ended with status 1.", details={"lines": ["\x00 said the stage"]})

    run_execute(run_id=requested.pk, job=fails)
    assert (refreshed(requested).state, requested.error.splitlines()[-1]) == ("failed", " said the stage")


@committing
def test_a_cancelled_run_is_told_to_stop_and_imports_nothing(
    requested: PipelineRun, requester: Actor, settings: Settings
) -> None:
    settings.RUN_LEASE_SECONDS = 0.4  # a heartbeat every tenth of a second
    stopped: list[bool] = []

    def cancelled(*_: Any, should_stop: Callable[[], bool], **__: Any) -> JobResult:
        run_cancel(model="fruit", run_id=requested.pk, actor=requester)
        deadline = timezone.now() + timedelta(seconds=10)
        while not should_stop() and timezone.now() < deadline:
            close_old_connections()
        stopped.append(should_stop())
        raise RunFailed("stopped")

    assert run_execute(run_id=requested.pk, job=cancelled) is None
    assert stopped == [True]
    assert refreshed(requested).state == "cancelled"
    with pytest.raises(WrongState):
        run_cancel(model="fruit", run_id=requested.pk, actor=requester)


@committing
def test_a_candidate_is_evaluated_again_when_another_version_went_live_meanwhile(
    import_one: Import, approver: Actor, requester: Actor
) -> None:
    import_one()
    import_one(flavour=2.0)
    run = run_request(model="fruit", actor=requester, trigger=Trigger.PERSON)

    def approve_once() -> None:
        if live() != ModelVersion.objects.get(number=2):
            version_approve(model="fruit", number=2, actor=approver, reason="good", expected_generation=1)

    training = Training(approve_once, flavour=3.0)
    version = run_execute(run_id=run.pk, job=training)

    assert training.baselines == [1, 2]
    assert version is not None
    assert version.recommendation["champion"]["version"] == 2


@committing
def test_an_unknown_fault_ends_the_run_too(requested: PipelineRun) -> None:
    def crashes(*_: Any, **__: Any) -> JobResult:
        raise ZeroDivisionError("by zero")

    run_execute(run_id=requested.pk, job=crashes)

    assert refreshed(requested).error == "ZeroDivisionError: by zero"


@committing
def test_a_run_whose_worker_is_shut_down_is_queued_again_and_the_last_attempt_says_so(requested: PipelineRun) -> None:
    def stopped(*_: Any, should_stop: Callable[[], bool], **__: Any) -> JobResult:
        assert should_stop()
        raise RunFailed("`dvc repro` ended with status 143.")

    for attempt in (1, 2):
        assert run_execute(run_id=requested.pk, job=stopped, interrupted=lambda: True) is None
        assert (refreshed(requested).state, requested.attempt) == ("queued", attempt)
        assert requested.lease_expires_at is None
        assert requested.published_at is None
    run_execute(run_id=requested.pk, job=stopped, interrupted=lambda: True)
    assert (refreshed(requested).state, requested.attempt) == ("failed", 3)


@committing
def test_a_run_whose_process_was_killed_is_tried_again_and_one_that_failed_is_not(requested: PipelineRun) -> None:
    def killed(*_: Any, **__: Any) -> JobResult:
        raise RunKilled("`dvc repro` ended with status 137.")

    run_execute(run_id=requested.pk, job=killed)
    assert refreshed(requested).state == "queued"
    assert run_execute(run_id=requested.pk, job=Training()) is not None


@committing
def test_a_run_that_takes_too_long_is_told_to_stop_and_says_why(requested: PipelineRun, settings: Settings) -> None:
    settings.RUN_TIME_LIMIT_SECONDS = 0

    def slow(*_: Any, should_stop: Callable[[], bool], **__: Any) -> JobResult:
        assert should_stop()
        raise RunFailed("`dvc repro` ended with status 143.")

    run_execute(run_id=requested.pk, job=slow)
    assert refreshed(requested).state == "failed"
    assert requested.error.startswith("It took longer than RUN_TIME_LIMIT_SECONDS, 0 s.")


@committing
def test_a_run_keeps_what_the_source_held(requested: PipelineRun) -> None:
    training = Training()

    def job(*arguments: Any, **named: Any) -> JobResult:
        seen = {"rows": 190, "quarantined": 10, "watermark": "0199"}
        return replace(training(*arguments, **named), ingestion=seen)

    run_execute(run_id=requested.pk, job=job)
    assert (refreshed(requested).documents, requested.watermark) == (200, "0199")


def test_a_first_run_can_be_asked_for_once_a_dispatcher_has_read_what_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asking = Actor.operator("test")
    with pytest.raises(UnknownModel):
        run_request(model="fresh", actor=asking, trigger=Trigger.API)
    Path("params.yaml").write_text("models: {fresh: {}, other: {}}")
    assert declare_models()
    assert deployments_declare() == []
    assert run_request(model="fresh", actor=asking, trigger=Trigger.API).state == "queued"


@pytest.mark.parametrize("text", ["models: [", "", "models: {Fresh: {}}"])
def test_a_broken_declaration_stops_no_dispatcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(text)
    assert declare_models()
    assert not Deployment.objects.exists()


def test_what_the_broker_says_is_kept_for_pages_until_it_takes_a_message(requested: PipelineRun) -> None:
    def away(_task: str, _row: UUID) -> None:
        raise ConnectionError("refused")

    assert dispatch_once(send=away) == 0
    contact = broker_contact()
    assert contact is not None
    assert (contact.failing_since is None, contact.error) == (False, "ConnectionError: refused")
    assert "starts once it is back" in waiting_words(requested, contact)

    assert dispatch_once(send=lambda *_: None) == 1
    answered = broker_contact()
    assert answered is not None
    assert (answered.failing_since, answered.error) == (None, "")
    since = f"Waiting for a worker since {requested.due_at:%Y-%m-%d %H:%M:%S} UTC"
    assert since in waiting_words(refreshed(requested), answered)
    PipelineRun.objects.update(published_at=timezone.now() + timedelta(hours=3))  # sent again
    assert since in waiting_words(refreshed(requested), answered)
    answered.failing_since = timezone.now()
    assert "The broker has not answered since" in waiting_words(requested, answered)


def test_progress_is_weighted_by_how_long_stages_took_and_names_the_time_left(requested: PipelineRun) -> None:
    usual = UsualSeconds(dict.fromkeys(STAGES, 10.0) | {"model_building": 50.0}, beside=0.0)
    requested.started_at = timezone.now() - timedelta(seconds=35)
    done = [{"stage": stage, "state": "done", "seconds": 10.0} for stage in STAGES[:3]]
    requested.stages = [*done, {"stage": "model_building", "state": "running", "seconds": 0.0}]

    shown = run_progress(requested, usual)
    assert (shown.percent, shown.left) == (35, "about 65 s left")
    assert run_progress(requested, UsualSeconds()).left == ""


def test_a_cancelled_queued_run_is_never_taken(requested: PipelineRun, requester: Actor) -> None:
    run_cancel(model="fruit", run_id=requested.pk, actor=requester)

    assert run_claim(run_id=requested.pk) is None
    assert runs_dispatch(send=lambda _: None) == 0


def test_a_person_who_stops_waiting_does_not_stop_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press_ctrl_c(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("registry_ui.management.commands.retrain.time.sleep", press_ctrl_c)
    with pytest.raises(SystemExit, match="130"):
        call_command("retrain", "mortgage")
    assert "The run goes on" in capsys.readouterr().out
    run = active_run(model="mortgage")
    assert run is not None
    assert run.state == PipelineRun.State.QUEUED
