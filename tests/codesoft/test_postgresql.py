"""The engine over a real PostgreSQL of its own, which hangs: bounded waits, and places inside the database."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connections, transaction

from codesoft.configuration import POSTGRESQL
from codesoft.postgresql.base import DatabaseWrapper
from predictions.bulkhead import Bulkhead, count_this_thread
from predictions.errors import DatabaseUnavailable
from tests.drills.servers import PostgreSQL, folder_for_servers
from tests.processes import wait_until

ALIAS = "guarded"
PATIENCE, CONNECT_SECONDS = 1, 2
BUSY_MACHINE = 3  # seconds that a thread may have to wait for a processor


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with folder_for_servers() as folder:
        (folder / "postgresql").mkdir()
        server = PostgreSQL(folder / "postgresql")
        server.start()
        yield server
        server.go_on()
        server.stop()


@pytest.fixture
def connect(server: PostgreSQL, django_db_blocker: Any) -> Iterator[Callable[[], DatabaseWrapper]]:
    """A new connection of our engine, which is then that of ALIAS for the thread that asked."""
    made: list[DatabaseWrapper] = []
    connections.settings[ALIAS] = connections.configure_settings({"default": {}, ALIAS: settings_of(server)})[ALIAS]

    def connected() -> DatabaseWrapper:
        wrapper: Any = connections.create_connection(ALIAS)
        connections[ALIAS] = wrapper
        wrapper.inc_thread_sharing()  # so that the fixture may close it
        made.append(wrapper)
        wrapper.ensure_connection()
        return wrapper

    with django_db_blocker.unblock():
        yield connected
        server.go_on()
        for wrapper in made:
            wrapper.close()
    del connections.settings[ALIAS]
    if hasattr(connections._connections, ALIAS):
        del connections[ALIAS]


def settings_of(server: PostgreSQL) -> dict[str, Any]:
    return {
        "ENGINE": POSTGRESQL,
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": "127.0.0.1",
        "PORT": str(server.port),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": CONNECT_SECONDS, "patience": PATIENCE},
    }


@contextmanager
def hung(server: PostgreSQL) -> Iterator[None]:
    server.hang()
    try:
        yield
    finally:
        server.go_on()


@contextmanager
def request_threads(bulkhead: Bulkhead, count: int = 4) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(count, initializer=count_this_thread, initargs=(bulkhead,)) as pool:
        yield pool


def ask(wrapper: DatabaseWrapper, statement: str = "SELECT 1") -> Any:
    with wrapper.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def test_a_server_that_hangs_is_waited_for_as_long_as_patience_lasts_and_asked_anew_afterwards(
    server: PostgreSQL, connect: Callable[[], DatabaseWrapper]
) -> None:
    wrapper = connect()
    ask(wrapper)
    with hung(server):
        started = time.monotonic()
        with pytest.raises(OperationalError, match="nothing for 1 s"):
            ask(wrapper)
        waited = time.monotonic() - started
        assert wrapper.connection.closed

    assert PATIENCE <= waited < PATIENCE + BUSY_MACHINE
    wrapper.close_if_unusable_or_obsolete()
    assert ask(wrapper) == [(1,)]


def test_a_transaction_that_meets_a_hung_server_ends_after_one_wait_and_one_attempt_to_connect_anew(
    server: PostgreSQL, connect: Callable[[], DatabaseWrapper]
) -> None:
    wrapper = connect()
    with hung(server):
        started = time.monotonic()
        with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
            ask(wrapper)
        waited = time.monotonic() - started

    assert waited < PATIENCE + CONNECT_SECONDS + BUSY_MACHINE
    wrapper.close_if_unusable_or_obsolete()
    assert ask(wrapper) == [(1,)]


def test_an_answer_that_keeps_coming_may_take_longer_than_patience(connect: Callable[[], DatabaseWrapper]) -> None:
    rows = ask(connect(), "SELECT pg_sleep(0.4), repeat('x', 20000) FROM generate_series(1, 5)")
    assert len(rows) == 5


def test_a_statement_that_says_nothing_for_longer_is_given_up_and_a_migration_is_not(
    connect: Callable[[], DatabaseWrapper],
) -> None:
    wrapper = connect()
    with wrapper.schema_editor() as editor:
        editor.execute("SELECT pg_sleep(1.5)")
    with pytest.raises(OperationalError):
        ask(wrapper, "SELECT pg_sleep(1.5)")


def test_of_four_threads_three_wait_for_a_hung_server_and_the_fourth_is_told(
    server: PostgreSQL, connect: Callable[[], DatabaseWrapper]
) -> None:
    with request_threads(Bulkhead(3)) as pool, hung(server):
        answers = [pool.submit(lambda: ask(connect())) for _ in range(4)]
        assert wait_until(lambda: any(one.done() for one in answers), 2)
        (told,) = [one for one in answers if one.done()]
        assert isinstance(told.exception(), DatabaseUnavailable)
        server.go_on()
        assert [one.result(10) for one in answers if one is not told] == [[(1,)]] * 3


def test_who_holds_a_lock_commits_although_all_places_are_taken_by_those_who_wait_for_it(
    connect: Callable[[], DatabaseWrapper],
) -> None:
    ask(connect(), "CREATE TABLE counted AS SELECT 0 AS n")
    locked, waiting = threading.Barrier(3), threading.Event()

    def hold() -> None:
        wrapper = connect()
        with transaction.atomic(using=ALIAS):
            ask(wrapper, "UPDATE counted SET n = n + 1")
            locked.wait(10)
            waiting.wait(10)

    def wait() -> None:
        wrapper = connect()
        locked.wait(10)
        ask(wrapper, "UPDATE counted SET n = n + 1")

    with request_threads(Bulkhead(3)) as pool:
        answers = [pool.submit(hold), pool.submit(wait), pool.submit(wait)]
        backends = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert wait_until(lambda: ask(connect(), backends) == [(2,)], 5)
        refused = pool.submit(lambda: ask(connect()))
        assert isinstance(refused.exception(10), DatabaseUnavailable)
        waiting.set()
        for one in answers:
            one.result(10)
    assert ask(connect(), "SELECT n FROM counted") == [(3,)]


def test_a_refused_thread_keeps_its_connection_as_it_was(
    server: PostgreSQL, connect: Callable[[], DatabaseWrapper]
) -> None:
    """Also around a transaction in which nothing was asked: it opens and ends without the server."""

    def refused(wrapper: DatabaseWrapper) -> None:
        with transaction.atomic(using=ALIAS):
            pass
        with pytest.raises(DatabaseUnavailable), transaction.atomic(using=ALIAS):
            ask(wrapper)
        wrapper.close_if_unusable_or_obsolete()

    bulkhead = Bulkhead(1)
    with request_threads(bulkhead, 1) as pool:
        wrapper = pool.submit(connect).result(10)
        backend = wrapper.connection.info.backend_pid
        bulkhead.enter()  # and stays
        time.sleep(0.2)
        pool.submit(refused, wrapper).result(10)
        bulkhead.leave()
        assert pool.submit(ask, wrapper, "SELECT pg_backend_pid()").result(10) == [(backend,)]
        assert wrapper.connection.autocommit


def test_a_connection_that_is_closed_in_a_transaction_gives_its_place_back(
    connect: Callable[[], DatabaseWrapper],
) -> None:
    def abandon() -> None:
        wrapper = connect()
        wrapper.set_autocommit(False)
        ask(wrapper)
        wrapper.connection.close()

    with request_threads(Bulkhead(1)) as pool:
        pool.submit(abandon).result(10)
        assert pool.submit(lambda: ask(connect())).result(10) == [(1,)]
