"""What real web processes do: killed, promoted, revoked, cut off from their database."""

import json
import select
import shutil
import signal
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from predictions.snapshot import FORMAT
from tests.predictions.webserver import WebServer, wait_for

_PREPARE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
from knox.models import AuthToken
from tests.bundles import build_bundle
from tests.deployments import deploy
deploy("sentiment", build_bundle("sentiment"))
print(AuthToken.objects.create(User.objects.create_user("caller"))[1])
"""
_PROMOTE = """
from tests.bundles import build_bundle
from tests.deployments import deploy
deploy("sentiment", build_bundle("sentiment", rows=200), version=2)
"""
_BREAK = """
from tests.bundles import build_bundle
from tests.deployments import deploy
manifest, fitted = build_bundle("sentiment", rows=100)
deploy("sentiment", (manifest, fitted[:-1] + b"!"), version=3)
"""
_ROWS = {"inputs": [{"text": "a fine film"}, {"text": "a dull film"}]}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A state folder with one live model, and a token: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("prepared")
    return folder, WebServer(folder).run(_PREPARE)


@pytest.fixture
def server(prepared: tuple[Path, str], tmp_path: Path) -> Iterator[WebServer]:
    shutil.copytree(prepared[0], tmp_path, dirs_exist_ok=True)
    server = WebServer(tmp_path)
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def standing_server(prepared: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """One server for the tests that leave no trace in it."""
    folder = tmp_path_factory.mktemp("standing")
    shutil.copytree(prepared[0], folder, dirs_exist_ok=True)
    server = WebServer(folder).start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def token(prepared: tuple[Path, str]) -> str:
    return prepared[1]


def logged_ids(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "codesoft.sqlite3") as database:
        return [row[0] for row in database.execute("SELECT id FROM predictions_prediction")]


def test_every_answered_prediction_is_logged_once_although_the_processes_were_killed(
    server: WebServer, token: str, tmp_path: Path
) -> None:
    server.start()
    answered: list[str] = []
    for _ in range(100):
        status, answer = server.predict("sentiment", token, _ROWS)
        assert status == 200
        answered += [prediction["id"] for prediction in answer["predictions"]]
    server.stop(signal.SIGKILL)

    left = sum(path.stat().st_size for path in (tmp_path / "spool").glob("*.jsonl"))
    server.start()
    wait_for(lambda: len(logged_ids(tmp_path)) >= len(answered), 10, server.log)

    assert left > 0, "the kill must have left something to adopt"
    assert sorted(logged_ids(tmp_path)) == sorted(answer.replace("-", "") for answer in answered)
    wait_for(lambda: not list((tmp_path / "spool").glob("*.jsonl")), 5)


def test_a_stopped_worker_ships_what_it_answered_before_it_ends(server: WebServer, token: str, tmp_path: Path) -> None:
    server.start()
    _, answer = server.predict("sentiment", token, _ROWS)
    server.stop(signal.SIGTERM)

    assert len(logged_ids(tmp_path)) == len(answer["predictions"])
    assert not list((tmp_path / "spool").glob("*.jsonl"))


def test_a_promotion_shows_within_two_seconds_and_a_revocation_within_one(server: WebServer, token: str) -> None:
    server.start()
    assert server.predict("sentiment", token, _ROWS)[1]["version"] == 1

    server.run(_PROMOTE)
    promoted = wait_for(lambda: server.predict("sentiment", token, _ROWS)[1]["version"] == 2, 10)
    server.run("from knox.models import AuthToken; AuthToken.objects.all().delete()")
    revoked = wait_for(lambda: server.predict("sentiment", token, _ROWS)[0] == 401, 10)

    assert promoted < 2
    assert revoked < 1


def test_a_process_that_starts_without_the_database_serves_the_last_snapshot_and_ships_later(
    server: WebServer, token: str, tmp_path: Path
) -> None:
    server.start()
    server.stop()
    database = tmp_path / "codesoft.sqlite3"
    parked = database.rename(tmp_path / "parked")
    database.mkdir()  # what stands in its place cannot be opened

    server.start()
    statuses = {server.predict("sentiment", token, _ROWS)[0] for _ in range(20)}
    database.rmdir()
    parked.rename(database)

    assert statuses == {200}
    wait_for(lambda: len(logged_ids(tmp_path)) == 40, 10, server.log)


def test_metrics_of_all_processes_are_on_their_own_port_and_end_with_the_master(server: WebServer, token: str) -> None:
    server.environment["WEB_CONCURRENCY"] = "2"
    server.start()
    for _ in range(10):
        server.predict("sentiment", token, _ROWS)
    address = f"http://127.0.0.1:{server.metrics_port}/metrics"

    def scrape() -> str:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return str(answer.read().decode())

    text = scrape()
    assert 'codesoft_live_version{model="sentiment",version="1"} 1.0' in text
    counted = [line for line in text.splitlines() if line.startswith("codesoft_predictions_total{")]
    assert sum(float(line.rpartition(" ")[2]) for line in counted) == 20
    for name in ("codesoft_snapshot_age_seconds", "codesoft_spool_bytes", "codesoft_spool_oldest_seconds"):
        assert f"\n{name} " in text

    assert server.process is not None
    server.process.kill()  # the master alone: nobody tells the metrics server
    server.process.wait()

    def gone() -> bool:
        try:
            scrape()
        except OSError:
            return True
        return False

    wait_for(gone, 10)


def whole_answer(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"}"):
        received += connection.recv(65536)
    return received


def test_a_refusal_reads_its_body_first_so_that_the_connection_can_be_used_again(server: WebServer, token: str) -> None:
    server.start()
    body = json.dumps(_ROWS).encode()
    head = "POST /api/v1/models/sentiment/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    refused = f"{head}Content-Length: {len(body)}\r\n\r\n".encode()
    good = f"{head}Authorization: Token {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(refused)
        early, _, _ = select.select([connection], [], [], 0.5)
        connection.sendall(body)
        first = whole_answer(connection)
        connection.sendall(good + body)
        second = whole_answer(connection)

    assert early == [], "an answer before the body would let the client send what gunicorn then loses"
    assert first.startswith(b"HTTP/1.1 401")
    assert second.startswith(b"HTTP/1.1 200")


def test_a_start_says_what_it_serves_and_what_it_cannot_load(server: WebServer, token: str, tmp_path: Path) -> None:
    server.run(
        "from predictions.models import Deployment\n"
        "Deployment.objects.create(model='lost', champion_version=7, champion_bundle='0' * 64)"
    )
    server.start()
    status, ready = server.request("GET", "/readyz")

    assert status == 200
    assert ready["models"]["sentiment"]["version"] == 1
    assert ready["models"]["lost"]["version"] is None
    assert list(ready["bundles_not_loaded"]) == ["0" * 64]

    def observations() -> list[tuple[str, str]]:
        with sqlite3.connect(tmp_path / "codesoft.sqlite3") as database:
            return list(database.execute("SELECT model, kind FROM predictions_observation"))

    wait_for(observations, 5)
    assert observations() == [("lost", "bundle_not_loaded")]
    assert json.loads((tmp_path / "serving" / "snapshot.json").read_text())["format"] == FORMAT
    assert (tmp_path / "serving" / "snapshot.json").stat().st_mode & 0o777 == 0o600


def test_four_processes_swap_within_two_seconds_and_keep_what_they_serve_when_the_next_bundle_is_broken(
    server: WebServer, token: str, tmp_path: Path
) -> None:
    server.environment["WEB_CONCURRENCY"] = "4"
    server.start()

    def told(name: str) -> list[float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return [float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)]

    generation = 'codesoft_served_generation{model="sentiment"'
    wait_for(lambda: told(generation) == [1.0] * 4, 20, server.log)
    server.run(_PROMOTE)
    wait_for(lambda: told(generation) == [2.0] * 4, 10, server.log)
    assert told('codesoft_swap_seconds_bucket{le="2.0",model="sentiment"') == [4.0]

    server.run(_BREAK)
    wait_for(lambda: told('codesoft_bundles_not_loaded{model="sentiment"') == [4.0], 10, server.log)
    assert {server.predict("sentiment", token, _ROWS)[1]["version"] for _ in range(20)} == {2}
    assert told(generation) == [2.0] * 4

    def faults() -> list[tuple[str, str]]:
        with sqlite3.connect(tmp_path / "codesoft.sqlite3") as database:
            return list(database.execute("SELECT process, message FROM predictions_bundlefault"))

    wait_for(lambda: len(faults()) == 4, 5, server.log)
    assert all("not the one that its manifest names" in message for _, message in faults())
    _, ready = server.request("GET", "/readyz")
    assert (ready["models"]["sentiment"]["version"], ready["models"]["sentiment"]["generation"]) == (2, 2)
    assert [swap["version"] for swap in ready["swaps"] if swap["model"] == "sentiment"] == [1, 2]
    assert ready["process"] in {process for process, _ in faults()}


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        ("Transfer-Encoding: chunked", b"ZZ\r\n"),
        ("Transfer-Encoding: chunked", b"5\r\nabc"),
        ("Transfer-Encoding: chunked", b"3\r\nabcdef\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"0\r\nno trailer\r\n\r\n"),
        ("Content-Length: 900", b'{"inputs": {"text": "whole, but not all that was promised"}}'),
    ],
    ids=["chunk size", "chunk cut off", "chunk too long", "bad trailer", "length"],
)
def test_a_body_that_breaks_off_or_is_ill_framed_is_the_callers_fault(
    standing_server: WebServer, token: str, framing: str, body: bytes
) -> None:
    place = "POST /api/v1/models/sentiment/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
    for known, status, code in ((f"Token {token}", 400, "malformed_body"), ("", 401, "not_authenticated")):
        head = f"{place}\r\nAuthorization: {known}\r\n{framing}\r\n\r\n"
        answer = standing_server.send(head.encode() + body)
        assert (answer[0], answer[1]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /api/v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9_000 + b"\r\n\r\n", 431),
        (b"GET /api/v1/models?" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"POST /api/v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"<>\r\n\r\n", 400),
    ],
    ids=["long header", "long address", "negative length", "no HTTP"],
)
def test_what_the_web_server_itself_refuses_is_answered_in_json(
    standing_server: WebServer, request_: bytes, status: int
) -> None:
    answered, content = standing_server.send(request_)
    assert (answered, set(content)) == (status, {"code", "message", "details"})


def test_who_waits_to_be_told_to_go_on_is_answered(standing_server: WebServer, token: str) -> None:
    body = json.dumps(_ROWS).encode()
    place = "POST /api/v1/models/sentiment/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
    for expectation in ("100-continue", "something else"):
        for known, statuses in ((f"Token {token}", {200, 417}), ("", {401, 417})):
            head = f"{place}\r\nAuthorization: {known}\r\nExpect: {expectation}\r\nContent-Length: {len(body)}\r\n\r\n"
            status, content = standing_server.send(head.encode() + body)
            assert status in statuses
            assert isinstance(content, dict), "JSON, whatever it says"
