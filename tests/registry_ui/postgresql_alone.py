"""What only PostgreSQL can show. Run by `test_on_postgresql.py`, and not collected elsewhere."""

import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import uuid_utils
from django.contrib.auth.models import User
from django.db import close_old_connections, connection

from ml_pipeline.running.job import JobResult
from predictions.models import Feedback
from predictions.statements import bound_statements
from registry_ui import dispatcher
from registry_ui.models import PipelineRun, Trigger
from registry_ui.services import feedback
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.execution import run_execute
from registry_ui.services.runs import run_request
from tests.registry_ui.test_runs import Training


@pytest.mark.django_db(transaction=True)
def test_a_table_that_somebody_locks_ends_the_dispatchers_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "STATEMENT_MILLISECONDS", 300)
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '20s'; LOCK TABLE {PipelineRun._meta.db_table}")
            connection.close()
            started = time.monotonic()
            assert dispatcher.dispatch_once(send=lambda *_: None) == 0
            assert time.monotonic() - started < 5
    finally:
        other.close()
        connection.close()  # the next test's connection knows no limit


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_bounded_again() -> None:
    """Django replaces it when it is next used, behind the back of whoever had set the limit."""
    bound_statements(300)
    end_own_connection()
    try:
        close_old_connections()
        bound_statements(300)
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("300ms",)
    finally:
        connection.close()  # the next test's connection knows no limit


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_told", [True, False])
def test_an_attempt_outlives_a_connection_that_the_server_ends(requester: Actor, is_told: bool) -> None:
    """In the middle of a stage that goes on talking, and at the end of one that is silent."""
    deployment_ensure(model="fruit")
    run = run_request(model="fruit", actor=requester, trigger=Trigger.PERSON)
    training = Training()

    def interrupted(*arguments: Any, on_line: Callable[[str], None], **named: Any) -> JobResult:
        result = training(*arguments, on_line=on_line, **named)
        end_own_connection()
        if is_told:
            on_line("one more line")
        return result

    version = run_execute(run_id=run.pk, job=interrupted)
    run.refresh_from_db()
    assert (run.state, run.version, run.attempt) == ("succeeded", version, 1)


def end_own_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    other.close()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_tell_the_first_label_at_the_same_moment_both_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    prediction = uuid.UUID(str(uuid_utils.uuid7()))
    people = [User.objects.create_user(name) for name in ("anna", "bob")]
    both, locked, first_looks = Barrier(2, timeout=10), feedback._locked, [True, True]

    def looked(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Feedback]:
        rows = locked(ids)
        if first_looks:
            first_looks.pop()
            both.wait()
        return rows

    def told(person: User) -> None:
        try:
            feedback.feedback_give(prediction_id=prediction, label="yes", caller=person)
        finally:
            connection.close()

    monkeypatch.setattr(feedback, "_locked", looked)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(told, people))

    row = Feedback.objects.get()
    assert {row.caller, *(one["by"] for one in row.earlier)} == {"anna", "bob"}
