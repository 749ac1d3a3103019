"""A real Redis that hangs on to messages, is stopped, emptied or full: no run is lost, and none is executed twice."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery
from django.conf import settings
from django.utils import timezone
from psycopg import sql
from redis import Redis as Client

from registry_ui.dispatcher import dispatch_once
from registry_ui.models import PipelineRun, Trigger
from registry_ui.selectors import broker_contact
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.runs import run_request
from tests.drills.servers import Redis, folder_for_servers
from tests.drills.training_stand import TrainingStand

_ASK = """
import json
from concurrent.futures import ThreadPoolExecutor
from django.db import connection
from registry_ui.errors import RunActive
from registry_ui.models import Trigger
from registry_ui.services.access import Actor
from registry_ui.services.runs import run_request

def ask(_):
    try:
        return [str(run_request(model="tiny", actor=Actor.operator("test"), trigger=Trigger.API).pk), True]
    except RunActive as error:
        return [error.details["run"], False]
    finally:
        connection.close()

with ThreadPoolExecutor(5) as pool:
    print(json.dumps(list(pool.map(ask, range(5)))))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with folder_for_servers() as folder:
        server = Redis(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def broker(server: Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The dispatcher's broker, empty."""
    client = Client.from_url(server.url)
    client.flushall()
    app = Celery("dispatcher", broker=server.url, set_as_current=False)
    app.conf.broker_transport_options = {"socket_timeout": 2, "socket_connect_timeout": 1}
    app.conf.task_routes = settings.CELERY_TASK_ROUTES
    monkeypatch.setattr("registry_ui.dispatcher.current_app", app)
    yield client
    client.close()


@pytest.fixture
def requested(db: None) -> PipelineRun:
    deployment_ensure(model="fruit")
    return run_request(model="fruit", actor=Actor.operator("test"), trigger=Trigger.COMMAND)


def waits(client: Client) -> int:
    return int(client.llen("runs"))  # type: ignore[arg-type]


def test_a_run_waits_in_the_database_while_redis_is_stopped(
    requested: PipelineRun, server: Redis, broker: Client
) -> None:
    server.stop()
    assert dispatch_once() == 0
    contact = broker_contact()
    assert contact is not None
    assert contact.failing_since is not None
    server.start()
    assert dispatch_once() == 1
    assert waits(broker) == 1


def test_a_run_waits_in_the_database_while_redis_is_full(requested: PipelineRun, broker: Client) -> None:
    broker.config_set("maxmemory", "1mb")
    broker.config_set("maxmemory-policy", "noeviction")
    try:
        assert dispatch_once() == 0
        requested.refresh_from_db()
        assert (requested.state, requested.published_at) == ("queued", None)
    finally:
        broker.config_set("maxmemory", "0")
    assert dispatch_once() == 1
    assert waits(broker) == 1


def test_a_run_whose_message_was_flushed_is_sent_again(requested: PipelineRun, broker: Client) -> None:
    assert dispatch_once() == 1
    broker.flushall()
    assert dispatch_once() == 0
    PipelineRun.objects.update(published_at=timezone.now() - timedelta(seconds=settings.SENT_AGAIN_SECONDS + 1))
    assert dispatch_once() == 1
    assert waits(broker) == 1


@pytest.mark.timeout(600)
def test_a_run_longer_than_the_visibility_timeout_is_executed_once(server: Redis, tmp_path: Path) -> None:
    stand = TrainingStand(tmp_path, ["tiny"], REDIS_URL=server.url.replace("/0", "/3")).prepare()
    try:
        stand.start("runs", app="tests.registry_ui.impatient_celery")
        stand.start("dispatcher")
        run = stand.ended(stand.request("tiny"), 400)
        assert run is not None
        assert (run["state"], run["attempt"]) == ("succeeded", 1), (run, stand.log("runs")[-2000:])
        assert stand.log("runs").count("] received") == 1
    finally:
        stand.stop_all()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_of_twenty_triggers_in_threads_and_processes_one_run_comes_and_the_others_are_told_which(
    database: str, tmp_path: Path
) -> None:
    address: dict[str, str] = {}
    if database == "postgresql":
        given = os.environ.get("TEST_POSTGRES_URL")
        if not given:
            pytest.skip("TEST_POSTGRES_URL names no server")
        name = f"triggers_{os.getpid()}"
        with psycopg.connect(given, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        address["DATABASE_URL"] = f"{given.rpartition('/')[0]}/{name}"
    stand = TrainingStand(tmp_path, ["tiny"], **address).prepare()
    with ThreadPoolExecutor(4) as pool:
        told: list[list[Any]] = [json.loads(text) for text in pool.map(lambda _: stand.python(_ASK), range(4))]
    answers = [answer for process in told for answer in process]

    assert len(answers) == 20
    assert sum(was_first for _, was_first in answers) == 1
    assert {run for run, _ in answers} == {str(row["id"]) for row in stand.runs()}
