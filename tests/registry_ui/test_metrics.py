"""What the registry tells Prometheus: from rows to text, and over HTTP from the command that serves it."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ml_pipeline.environment import PROJECT_ROOT
from registry_ui.metric_families import registry_metrics
from registry_ui.metrics import RegistryCollector
from registry_ui.models import BackgroundTask, DriftReport, GuardRound, Notification, OutboxEntry, PipelineRun
from registry_ui.services.background import LEASE
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.live_performance import performance_count
from registry_ui.services.rollouts import rollouts_look
from tests.processes import wait_until
from tests.registry_ui.conftest import Import
from tests.registry_ui.labelled import labelled

STATES = {"queued", "running", "succeeded", "failed", "cancelled", "lost"}
Told = dict[tuple[str, ...], float]


@contextmanager
def dispatcher(folder: Path, database: str) -> Iterator[str]:
    """The real command on a free port; the address of its metrics."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "REDIS_URL")
    }
    environment |= {"VAR_DIR": str(folder), "DATABASE_URL": database, "DISPATCHER_METRICS_PORT": str(port)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "dispatch_runs"],
            cwd=PROJECT_ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        assert wait_until(lambda: listens(port) or process.poll() is not None, 60)
        yield f"http://127.0.0.1:{port}/metrics"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def scraped(url: str) -> str:
    with urllib.request.urlopen(url, timeout=9) as answer:  # noqa: S310 - our own address
        return str(answer.read().decode())


def told(text: str) -> Told:
    """(name, label values in the order of their names) → value."""
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def exposition(collector: RegistryCollector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def add_rows() -> None:
    """Two models; failed runs and a cancelled one of the first; one entry of two mirrored, one message given up."""
    now = timezone.now()
    for model in ("fruit", "bread"):
        deployment_ensure(model=model)
    for state in ("failed", "failed", "cancelled"):
        PipelineRun.objects.create(model="fruit", trigger="person", requested_by="rui", due_at=now, state=state)
    OutboxEntry.objects.create(model="fruit", cause="approve", next_try_at=now)
    OutboxEntry.objects.create(model="fruit", cause="approve", next_try_at=now, done_at=now)
    for key, given_up_at in (("decided:1", now), ("decided:2", None)):
        Notification.objects.create(
            key=key, channel="webhook", event="decided", message={}, next_try_at=now, given_up_at=given_up_at
        )


def runs_of(model: str, told: Told) -> dict[str, float]:
    return {key[2]: value for key, value in told.items() if key[:2] == ("codesoft_pipeline_runs", model)}


def told_now() -> Told:
    families = registry_metrics()
    return told(exposition(RegistryCollector(read=lambda: families)))


@pytest.mark.django_db
def test_every_known_model_has_every_state_and_no_other_series_exists() -> None:
    add_rows()
    PipelineRun.objects.create(model="forgotten", trigger="person", requested_by="rui", due_at=timezone.now())

    now = told_now()

    assert runs_of("fruit", now) == dict.fromkeys(STATES, 0) | {"failed": 2, "cancelled": 1}
    assert runs_of("bread", now) == dict.fromkeys(STATES, 0)
    assert now[("codesoft_outbox_pending",)] == 1
    assert now[("codesoft_notifications_given_up", "webhook")] == 1
    assert now[("codesoft_notifications_given_up", "email")] == 0
    assert not [key for key in now if "forgotten" in key]


@pytest.mark.django_db
def test_queues_leases_and_the_outbox_tell_how_long_the_oldest_waits() -> None:
    now = timezone.now()
    minute = timedelta(minutes=1)
    deployment_ensure(model="fruit")
    asked = {"model": "fruit", "trigger": "person", "requested_by": "rui"}
    PipelineRun.objects.create(**asked, due_at=now - 5 * minute)
    BackgroundTask.objects.create(kind="sync", subject="later", requested_by="rui", due_at=now + minute)
    BackgroundTask.objects.create(
        kind="sync", subject="held", requested_by="rui", due_at=now, state="running",
        lease_expires_at=now + LEASE - minute,
    )  # fmt: skip
    OutboxEntry.objects.create(model="fruit", cause="approve", next_try_at=now)
    OutboxEntry.objects.update(created_at=now - 2 * minute)

    said = told_now()

    assert (said[("codesoft_queue_length", "runs")], said[("codesoft_queue_length", "default")]) == (1, 0)
    assert said[("codesoft_queue_oldest_seconds", "runs")] == pytest.approx(300, abs=5)
    assert said[("codesoft_lease_age_seconds", "default")] == pytest.approx(60, abs=5)
    assert said[("codesoft_lease_age_seconds", "runs")] == 0
    assert said[("codesoft_outbox_oldest_seconds",)] == pytest.approx(120, abs=5)


@pytest.mark.django_db
def test_drift_is_told_of_champions_alone_and_of_their_last_report(import_one: Import) -> None:
    version, now = import_one().version, timezone.now()
    deployment_ensure(model="bread")
    assert told_now()[("codesoft_drift_state", "fruit", "none", "1")] == 1

    for state, value in (("steady", 0.1), ("drifted", 0.4)):
        DriftReport.objects.create(
            model="fruit", version=version.number, bundle=version.bundle_hash, state=state, rows=500,
            window_from=now, window_to=now, requested_by="system:drift",
            statistics=[{"kind": "labels", "field": None, "value": value}],
        )  # fmt: skip
    said = {key: value for key, value in told_now().items() if key[0].startswith("codesoft_drift")}

    assert said == {
        ("codesoft_drift_found", "fruit", "1"): 1,
        ("codesoft_drift_state", "fruit", "drifted", "1"): 1,
        ("codesoft_drift_size", "", "fruit", "labels", "1"): 0.4,
    }
    DriftReport.objects.create(
        model="fruit", version=version.number, bundle=version.bundle_hash, state="failed", requested_by="system:drift"
    )
    said = told_now()
    assert said[("codesoft_drift_state", "fruit", "failed", "1")] == 1
    assert said[("codesoft_drift_found", "fruit", "1")] == 1, "a look that failed takes back nothing"


@pytest.mark.django_db
def test_the_age_of_the_guards_last_round_is_told_once_it_went_round() -> None:
    assert ("codesoft_guard_age_seconds",) not in told_now()
    rollouts_look()
    GuardRound.objects.update(ended_at=timezone.now() - timedelta(seconds=70))
    assert told_now()[("codesoft_guard_age_seconds",)] == pytest.approx(70, abs=5)
    rollouts_look()
    assert told_now()[("codesoft_guard_age_seconds",)] < 5


@pytest.mark.django_db
def test_run_durations_add_up_over_workers_and_restarts() -> None:
    deployment_ensure(model="fruit")
    now = timezone.now()
    for seconds in (10, 30):
        PipelineRun.objects.create(
            model="fruit", trigger="person", requested_by="rui", due_at=now, state="failed",
            started_at=now - timedelta(seconds=seconds), finished_at=now,
        )  # fmt: skip
    said = told_now()
    assert said[("codesoft_pipeline_run_seconds_count", "fruit", "failed")] == 2
    assert said[("codesoft_pipeline_run_seconds_sum", "fruit", "failed")] == pytest.approx(40)


@pytest.mark.django_db
def test_what_serves_and_how_right_it_was_is_told_by_version(import_one: Import) -> None:
    champion = import_one(held_out=True).version
    labelled([("yes", "yes")] * 3 + [("yes", "no")])
    performance_count()
    said = told_now()
    of = ("fruit", "1")
    assert said[("codesoft_model_info", champion.bundle_hash[:12], "fruit", "champion", "1")] == 1
    born = said[("codesoft_model_registered_timestamp_seconds", "fruit", "champion", "1")]
    assert born == pytest.approx(champion.created_at.timestamp())
    assert (said[("codesoft_feedback_accuracy", *of)], said[("codesoft_feedback_labels", *of)]) == (0.75, 4)
    assert said[("codesoft_feedback_accuracy_low", *of)] < 0.75 < said[("codesoft_feedback_accuracy_high", *of)]
    assert said[("codesoft_held_out_accuracy", *of)] == champion.metrics["accuracy"]["value"]
    assert said[("codesoft_decisions", "approve", "fruit")] == 1
    assert said[("codesoft_decisions", "roll_back", "fruit")] == 0
    assert said[("codesoft_versions_waiting", "fruit")] == 0


def test_a_database_that_hangs_holds_one_thread_and_no_scrape() -> None:
    released, started = Event(), []

    def hang() -> list:
        started.append(True)
        released.wait(30)
        return []

    collector = RegistryCollector(read=hang, patience=0.05)
    assert [exposition(collector), exposition(collector)] == ["", ""]
    assert len(started) == 1

    released.set()
    assert wait_until(lambda: exposition(collector) == "" and len(started) > 1, 5)


@pytest.mark.django_db(transaction=True)
def test_the_dispatcher_tells_each_scrape_what_the_rows_are_then(tmp_path: Path) -> None:
    add_rows()
    with dispatcher(tmp_path, f"sqlite:///{connection.settings_dict['NAME']}") as url:
        before = told(scraped(url))
        PipelineRun.objects.filter(state="cancelled").update(state="lost")
        OutboxEntry.objects.update(done_at=timezone.now())
        after = told(scraped(url))

    assert runs_of("fruit", before) == dict.fromkeys(STATES, 0) | {"failed": 2, "cancelled": 1}
    assert before[("codesoft_outbox_pending",)] == 1
    assert runs_of("fruit", after) == dict.fromkeys(STATES, 0) | {"failed": 2, "lost": 1}
    assert after[("codesoft_outbox_pending",)] == 0


def test_a_silent_database_ends_neither_the_dispatcher_nor_a_scrape(tmp_path: Path) -> None:
    """A listening port that never says a word, where PostgreSQL should be."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgres://codesoft:secret@127.0.0.1:{silent.getsockname()[1]}/codesoft"
        with dispatcher(tmp_path, address) as url:
            assert "codesoft_pipeline_runs" not in scraped(url)
            log = tmp_path / "log"
            assert wait_until(lambda: {"metrics_not_read", "dispatch_failed"} <= set(log.read_text().split()), 15)
    assert "secret" not in log.read_text()
