"""Each drill at a small size. `make drill` runs the same at full size, and judges latencies too."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bad_bundles import NAN, RAISES
from tests.drills.bad_versions import CANARY, CHAMPION, Traffic, undo_bad_versions
from tests.drills.full_disk import fill_disk, small_disk
from tests.drills.kills import kill_workers
from tests.drills.outages import Outage, live_through, start_worker_while_away
from tests.drills.promotions import promote_back_and_forth
from tests.drills.servers import PostgreSQL, Redis, folder_for_servers
from tests.drills.stand import Stand
from tests.drills.waiting_pages import wait_on_pages

_RATE, _CLIENTS = 60, 8
_SLOW_MACHINE_MILLISECONDS = 1_000  # unguarded, predictions wait as long as the database hangs


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostgreSQL, Redis]]:
    with folder_for_servers() as folder:
        (folder / "postgresql").mkdir()
        postgresql, redis = PostgreSQL(folder / "postgresql"), Redis(folder)
        for server in (postgresql, redis):
            server.start()
        yield postgresql, redis
        for server in (postgresql, redis):
            server.stop()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, servers: tuple[PostgreSQL, Redis]) -> Iterator[Stand]:
    postgresql, redis = servers
    stand = Stand(tmp_path_factory.mktemp("drills"), postgresql, workers=2, REDIS_URL=redis.url)
    try:
        stand.prepare().start()
        yield stand
    finally:
        stand.web.stop(signal.SIGKILL)


def test_workers_follow_promotions_and_fail_no_request(stand: Stand) -> None:
    report = promote_back_and_forth(stand, count=4, pauses=(0.8, 1.2), rate=_RATE, clients=_CLIENTS)
    assert not report.violations, report.markdown()


def test_what_killed_workers_answered_is_in_the_log_once(stand: Stand) -> None:
    report = kill_workers(stand, count=3, pauses=(0.3, 0.8), rate=_RATE, clients=_CLIENTS)
    assert not report.violations, report.markdown()


def test_predictions_go_on_and_are_logged_while_a_server_is_stopped_or_hangs(
    stand: Stand, servers: tuple[PostgreSQL, Redis]
) -> None:
    away = [Outage(server, how) for server in servers for how in ("stopped", "hung")]
    report = live_through(stand, away, seconds=1, rate=_RATE, clients=_CLIENTS, timing=False)
    assert not report.violations, report.markdown()


def test_predictions_go_on_while_whoever_needs_the_database_waits_for_it(stand: Stand) -> None:
    report = wait_on_pages(
        stand, seconds=2, rate=_RATE, clients=_CLIENTS, readers=4, most=_SLOW_MACHINE_MILLISECONDS, timing=False
    )
    assert not report.violations, report.markdown()


def test_a_worker_that_starts_without_the_database_serves_the_last_snapshot(stand: Stand) -> None:
    report = start_worker_while_away(stand, Outage(stand.postgresql, "stopped"), rate=_RATE, clients=_CLIENTS)
    assert not report.violations, report.markdown()


def test_versions_that_do_harm_are_undone_by_themselves(stand: Stand) -> None:
    cases = [(RAISES, CANARY), (NAN, CHAMPION)]
    traffic = Traffic(_RATE, _CLIENTS, record_seconds=2)
    report = undo_bad_versions(stand, cases, traffic=traffic, look_seconds=0.5)
    assert not report.violations, report.markdown()


def test_a_full_disk_refuses_what_cannot_be_logged_and_kills_no_worker(stand: Stand, tmp_path: Path) -> None:
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(tmp_path, 64))
        except PermissionError as error:
            pytest.skip(f"no file system can be mounted here: {error}")
        small = stack.enter_context(stand.moved_to(disk))
        report = fill_disk(small, disk, seconds=2, rate=_RATE, clients=_CLIENTS)
    assert not report.violations, report.markdown()
