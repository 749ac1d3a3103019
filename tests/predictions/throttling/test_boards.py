"""Limits exchanged between processes by a real folder and a real Redis, which may hang or end."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from predictions.errors import RateLimited
from predictions.throttling import boards
from predictions.throttling.boards import Board, FolderBoard, RedisBoard
from predictions.throttling.throttle import Throttle
from tests.processes import free_port, wait_until

Making = Callable[[], Board]


@pytest.fixture(params=["folder", "redis"])
def making(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Making:
    """Boards on one place that nobody else uses."""
    if request.param == "folder":
        return lambda: FolderBoard(tmp_path / "limits")
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        pytest.skip("TEST_REDIS_URL names no server")
    monkeypatch.setattr(boards, "REDIS_KEY", f"test:{uuid.uuid4()}")
    return lambda: RedisBoard(url)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server of this test's own, to be stopped."""
    if not os.environ.get("TEST_REDIS_URL"):
        pytest.skip("TEST_REDIS_URL names no server")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    try:
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        pytest.skip("there is no redis-server to start")
    url = f"redis://127.0.0.1:{port}/0"
    assert wait_until(lambda: _answers(url), 10)
    yield url, server
    server.send_signal(signal.SIGCONT)
    server.terminate()
    server.wait(10)


def _answers(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except redis.RedisError:
        return False


def passed(throttle: Throttle, asked: int, limit: int = 100) -> int:
    count = 0
    for _ in range(asked):
        try:
            throttle.spend("token", limit, "spam", 0)
        except RateLimited:
            continue
        count += 1
    return count


def test_two_processes_keep_one_limit_together(making: Making) -> None:
    one, two = (Throttle(making(), processes=2) for _ in range(2))
    let_through = 0
    for _ in range(15):
        for throttle in (one, two):
            throttle.exchange()
            let_through += passed(throttle, 20)
    one.close()
    two.close()

    assert 95 <= let_through <= 150


def test_what_a_dead_process_let_through_still_counts(making: Making) -> None:
    first = Throttle(making(), processes=1)
    first.exchange()
    assert passed(first, 60) == 60
    first.exchange()
    first.close()

    second = Throttle(making(), processes=1)
    second.exchange()
    second.exchange()
    assert passed(second, 100) <= 40


@pytest.mark.parametrize("trouble", [signal.SIGSTOP, signal.SIGKILL])
def test_requests_go_on_and_wait_for_nothing_while_redis_hangs_or_is_gone(
    own_redis: tuple[str, subprocess.Popen[bytes]], trouble: signal.Signals
) -> None:
    url, server = own_redis
    throttle = Throttle(RedisBoard(url), processes=2)
    throttle.exchange()
    server.send_signal(trouble)

    started = time.monotonic()
    throttle.exchange()
    assert time.monotonic() - started < 5, "the thread's own wait is bounded"
    slowest = 0.0
    for _ in range(50):
        started = time.monotonic()
        assert passed(throttle, 1) == 1
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 0.25
