"""Real gunicorn processes with the project's worker, asked over real sockets."""

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_pipeline.environment import PROJECT_ROOT
from tests.processes import free_port

_SETTINGS = """
from codesoft.web_worker.seats import Seats
from tests.codesoft.web_worker.application import HastyWorker
worker_class, threads, keepalive, graceful_timeout, control_socket_disable = HastyWorker, 2, 3, 5, True
worker_connections = 60
_seats = Seats(8)

def pre_fork(server, worker):
    worker.seats, worker.seat = _seats, _seats.take()

def child_exit(server, worker):
    _seats.leave(worker.seat)
"""


class Server:
    """gunicorn with the small application; workers of two threads that lose patience after a second."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.port = free_port()
        settings = folder / "settings.py"
        settings.write_text(f"{_SETTINGS}\nbind, workers = '127.0.0.1:{self.port}', {workers}\n")
        self.log = folder / "log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", str(settings), "tests.codesoft.web_worker.application"],
            cwd=PROJECT_ROOT,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 30
        while self.log.read_text().count("Booting worker") < workers:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=8)

    def client(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=8)

    def get(self, path: str) -> bytes:
        client = self.client()
        client.request("GET", path)
        content = client.getresponse().read()
        client.close()
        return content

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("one"), workers=1)
    yield server
    server.process.terminate()
    server.process.wait(15)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


def test_silent_and_slow_clients_hold_no_thread(server: Server) -> None:
    silent = [server.connect() for _ in range(10)]
    slow = [server.connect() for _ in range(10)]
    for connection in slow:
        connection.sendall(b"POST /digest HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nab")
    started = time.monotonic()
    for _ in range(20):
        server.get("/unread")
    assert time.monotonic() - started < 0.9, "before any of them ran out of time"
    for connection in slow:
        connection.sendall(b"cde")
        assert hashlib.sha256(b"abcde").hexdigest().encode() in connection.recv(65_536)
    for connection in [*silent, *slow]:
        connection.close()


def test_a_request_that_is_not_finished_in_time_is_given_up(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /digest HTTP/1.1\r\nHost: here\r\nContent-Length: 500\r\n\r\n")
        started = time.monotonic()
        assert read_all(connection) == b""
    assert 0.9 < time.monotonic() - started < 4


def test_requests_sent_one_behind_the_other_are_answered_in_order(server: Server) -> None:
    bodies = [b"a" * 10, b"b" * 70_000, b"", b"c" * 300_000]
    requests = [
        b"POST /digest?%d HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (number, len(body), body)
        for number, body in enumerate(bodies)
    ]
    with server.connect() as connection, connection.makefile("rb") as answers:
        sender = threading.Thread(target=connection.sendall, args=(b"".join(requests),))
        sender.start()
        for number, body in enumerate(bodies):
            head = dict(line.rstrip().split(b": ", 1) for line in list(iter(answers.readline, b"\r\n"))[1:])
            content = answers.read(int(head[b"Content-Length"]))
            assert content == f"POST {number} {hashlib.sha256(body).hexdigest()}".encode()
        sender.join()


def test_a_body_that_nobody_reads_does_not_spoil_the_connection(server: Server) -> None:
    client = server.client()
    for size in (0, 10, 100_000):
        client.request("POST", "/unread", body=b"z" * size)
        assert client.getresponse().read() == b"the body was not looked at"
    client.close()


def test_a_refused_flood_is_answered_before_the_connection_closes(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /unread HTTP/1.1\r\nHost: here\r\nContent-Length: 9000000\r\n\r\n" + b"z" * 600_000)
        assert b"the body was not looked at" in connection.recv(65_536)


@pytest.mark.parametrize(
    ("path", "content"),
    [("/parts", b"one, two, three"), ("/file", b"x" * 300_000), ("/large?500000", b"y" * 500_000)],
)
def test_answers_of_every_kind_arrive_whole_and_the_connection_stays(server: Server, path: str, content: bytes) -> None:
    client = server.client()
    for _ in range(2):
        client.request("GET", path)
        assert client.getresponse().read() == content
    client.request("HEAD", path)
    assert client.getresponse().read() == b""
    client.request("GET", "/unread")
    assert client.getresponse().read() == b"the body was not looked at"
    client.close()


def test_chunked_bodies_and_the_wish_to_be_told_are_understood(server: Server) -> None:
    client = server.client()
    client.request("POST", "/digest", body=iter([b"abc", b"def"]), encode_chunked=True)
    assert hashlib.sha256(b"abcdef").hexdigest().encode() in client.getresponse().read()
    client.close()
    with server.connect() as connection:
        connection.sendall(b"POST /digest HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert hashlib.sha256(b"abc").hexdigest().encode() in connection.recv(1000)


def test_a_fault_is_a_500_and_an_answer_that_breaks_off_ends_the_connection(server: Server) -> None:
    client = server.client()
    client.request("GET", "/fault")
    assert client.getresponse().status == 500
    client.close()
    client.request("GET", "/breaks-off")
    with pytest.raises(http.client.IncompleteRead):
        client.getresponse().read()
    client.close()
    assert server.get("/unread"), "and the thread lives"


def test_clients_that_do_not_read_their_answers_do_not_hold_the_threads_for_long(server: Server) -> None:
    deaf = [server.connect() for _ in range(2)]
    for connection in deaf:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /large?30000000 HTTP/1.1\r\nHost: here\r\n\r\n")
    time.sleep(0.2)
    started = time.monotonic()
    assert server.get("/unread"), "who waits for a thread is not given up meanwhile"
    assert time.monotonic() - started < 6
    for connection in deaf:
        connection.close()


def test_requests_that_wait_for_a_thread_longer_than_a_connection_may_be_idle_are_answered(server: Server) -> None:
    busy, waiting = [server.client() for _ in range(2)], server.client()
    for client in busy:
        client.request("GET", "/slow?5")
    time.sleep(0.2)
    waiting.request("GET", "/unread")
    assert waiting.getresponse().read() == b"the body was not looked at"
    for client in busy:
        assert client.getresponse().read() == b"at last"
        client.close()
    waiting.close()


def test_an_answer_that_waits_where_it_should_only_compute_keeps_nobody_from_the_next(server: Server) -> None:
    with server.connect() as waiting:
        waiting.sendall(b"GET /slow?1 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        started = time.monotonic()
        for path in ("/digest", "/process"):
            client = server.client()
            client.request("GET", path)
            assert client.getresponse().status == 200
            client.close()
        assert time.monotonic() - started < 0.5
        assert waiting.recv(4096).endswith(b"at last")


def test_an_idle_connection_is_closed_after_its_time(server: Server) -> None:
    with server.connect() as connection:
        started = time.monotonic()
        assert read_all(connection) == b""
    assert 2.5 < time.monotonic() - started < 6


def test_what_wsgi_must_tell_is_told(server: Server) -> None:
    client = server.client()
    client.request("GET", "/%C3%BCmlaut?a=%20b", headers={"X-Twice": "one", "Content-Type": "text/x"})
    told = dict(line.split("=", 1) for line in client.getresponse().read().decode().splitlines())
    client.close()

    assert told["PATH_INFO"].encode("latin-1").decode() == "/ümlaut"
    assert (told["QUERY_STRING"], told["HTTP_X_TWICE"], told["CONTENT_TYPE"]) == ("a=%20b", "one", "text/x")
    assert (told["SERVER_PORT"], told["SERVER_PROTOCOL"]) == (str(server.port), "HTTP/1.1")
    assert (told["REMOTE_ADDR"], told["wsgi.url_scheme"], told["SCRIPT_NAME"]) == ("127.0.0.1", "http", "")


def test_when_all_places_are_taken_the_longest_idle_makes_room(server: Server) -> None:
    idle = [server.connect() for _ in range(80)]
    assert server.get("/unread")
    idle[0].settimeout(2)
    assert idle[0].recv(1) == b""
    for connection in idle:
        connection.close()


def test_connections_are_spread_evenly_and_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    server = Server(tmp_path, workers=3)
    try:
        for _ in range(2):
            clients = [server.client() for _ in range(24)]
            for client in clients:
                client.connect()
            counts: Counter[bytes] = Counter()
            for client in clients:
                client.request("GET", "/process")
                counts[client.getresponse().read()] += 1
                client.close()
            assert len(counts) == 3
            assert min(counts.values()) >= 6
            _kill_one_and_wait(int(next(iter(counts))), server)
    finally:
        server.stop()


def _kill_one_and_wait(pid: int, server: Server) -> None:
    booted = server.log.read_text().count("Booting worker")
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while server.log.read_text().count("Booting worker") == booted:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)


def test_a_worker_that_ends_answers_what_it_has_and_what_still_comes(tmp_path: Path) -> None:
    server = Server(tmp_path, workers=1)
    under_way, idle = server.client(), server.client()
    idle.request("GET", "/unread")
    idle.getresponse().read()
    under_way.request("GET", "/slow?2")
    time.sleep(0.2)
    server.process.terminate()
    time.sleep(0.3)
    idle.request("GET", "/unread")
    last = idle.getresponse()

    assert last.read() == b"the body was not looked at"
    assert last.getheader("Connection") == "close"
    assert under_way.getresponse().read() == b"at last"
    assert server.process.wait(10) == 0
    under_way.close()
    idle.close()


@pytest.mark.parametrize("option", [["--proxy-protocol", "auto"], ["--http-protocols", "h2,h1"]])
def test_what_it_does_not_speak_is_refused_at_the_start(option: list[str]) -> None:
    command = ["gunicorn", "-k", "codesoft.web_worker.worker.WebWorker", "-b", f"127.0.0.1:{free_port()}", *option]
    refused = subprocess.run(
        [sys.executable, "-m", *command, "tests.codesoft.web_worker.application"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "speaks HTTP/1.1 alone" in refused.stderr
