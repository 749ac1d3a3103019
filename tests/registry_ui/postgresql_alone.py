"""What only PostgreSQL can show. Run by `test_on_postgresql.py`, and not collected elsewhere."""

import time

import pytest
from django.db import close_old_connections, connection

from predictions.statements import bound_statements
from registry_ui import dispatcher
from registry_ui.models import PipelineRun


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
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    other.close()
    try:
        close_old_connections()
        bound_statements(300)
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("300ms",)
    finally:
        connection.close()  # the next test's connection knows no limit
