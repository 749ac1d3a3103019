"""Paced load on connections that are kept, each known to end in one worker; every answer is remembered."""

import http.client
import json
import random
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests.predictions.webserver import WebServer
from tests.processes import children_of

BATCH_ROWS = 20
TIMEOUT = 30.0  # longer than any wait that a drill should show
_BATCH_SHARE = 0.2


class NotReached(Exception):
    """A worker accepted no connection in time."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request. Moments are `time.time()`; `planned` is when it was due, so that waiting in line counts as latency.

    Status 0 is a connection that broke before the whole answer was there.
    """

    planned: float
    sent: float
    at: float
    worker: int
    client: int
    status: int
    refusal: str  # the error's code, or how the connection broke; empty where there are predictions
    rows: Sequence[str]
    content: dict[str, Any] = field(repr=False)

    @property
    def latency(self) -> float:
        return self.at - self.planned

    @property
    def ids(self) -> list[str]:
        return [prediction["id"] for prediction in self.content["predictions"]] if self.status == 200 else []


class Client(threading.Thread):
    """One connection, one request after the other. After a break it connects anew, perhaps to another worker."""

    def __init__(self, load: "Load", number: int, connection: http.client.HTTPConnection, worker: int) -> None:
        super().__init__(daemon=True, name=f"client-{number}")
        self._load, self._number, self._connection, self._worker = load, number, connection, worker
        self._chance = random.Random(number)  # noqa: S311 - which texts to send

    def run(self) -> None:
        period = self._load.period
        planned = time.time() + period * self._chance.random()
        while not self._load.stopped.wait(max(0.0, planned - time.time())):
            self._load.answered.append(self._ask(planned))
            planned += period
        self._connection.close()

    def _ask(self, planned: float) -> Answered:
        count = BATCH_ROWS if self._chance.random() < _BATCH_SHARE else 1
        rows = self._chance.choices(self._load.texts, k=count)
        body = json.dumps({"inputs": [{"text": text} for text in rows]})
        sent = time.time()
        status, refusal, content = 0, "", {}
        try:
            self._connection.request("POST", self._load.path, body, self._load.headers)
            answer = self._connection.getresponse()
            content = json.loads(answer.read())
            status = answer.status
            refusal = "" if status == 200 else content["code"]
        except (OSError, http.client.HTTPException, ValueError) as error:
            refusal = f"{type(error).__name__}: {error}"
        at = time.time()
        if status and not self._worker:
            self._worker = worker_at_other_end(self._connection, self._load.server)
        answered = Answered(planned, sent, at, self._worker, self._number, status, refusal, rows, content)
        if status == 0:
            self._connect_anew()
        return answered

    def _connect_anew(self) -> None:
        self._connection.close()
        with suppress(OSError):
            self._worker = 0  # known with the first answer: until then the connection may wait in line
            self._connection.connect()


class Load:
    """`clients` connections that ask `rate` times a second together, evenly spread over the processes `reach`."""

    def __init__(
        self, server: WebServer, token: str, texts: Sequence[str], *, rate: float, clients: int, reach: Collection[int]
    ) -> None:
        self.server = server
        self.path = "/api/v1/models/sentiment/predictions"
        self.headers = {"Content-Type": "application/json", "Authorization": f"Token {token}"}
        self.texts, self.period = texts, clients / rate
        self.stopped = threading.Event()
        self.answered: list[Answered] = []
        self._clients = [Client(self, number, *place) for number, place in enumerate(places(server, clients, reach))]

    @contextmanager
    def running(self) -> Iterator["Load"]:
        for client in self._clients:
            client.start()
        try:
            yield self
        finally:
            self.stopped.set()
            for client in self._clients:
                client.join(TIMEOUT)

    def serving(self) -> list[int]:
        """Workers that gave the last answers."""
        return sorted({one.worker for one in self.answered[-len(self._clients) :] if one.status == 200})

    def due(self, start: float, end: float) -> list[Answered]:
        """What was due in that time, whenever it was answered."""
        return [one for one in self.answered if start <= one.planned < end]


def places(server: WebServer, count: int, reach: Collection[int]) -> list[tuple[http.client.HTTPConnection, int]]:
    """Connections evenly over the workers: which one accepts is the kernel's choice, so some are opened for nothing."""
    most = -(-count // len(reach))
    chosen: dict[int, list[http.client.HTTPConnection]] = {worker: [] for worker in reach}
    deadline = time.monotonic() + TIMEOUT
    while (sum(map(len, chosen.values())) < count or not all(chosen.values())) and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
        connection.connect()
        worker = worker_at_other_end(connection, server)
        if worker in chosen and len(chosen[worker]) < most:
            chosen[worker].append(connection)
        else:
            connection.close()
            time.sleep(0.01)
    if unreached := [worker for worker, some in chosen.items() if not some]:
        raise NotReached(f"no connection ended in {unreached}")
    return [(connection, worker) for worker, some in chosen.items() for connection in some]


def worker_at_other_end(connection: http.client.HTTPConnection, server: WebServer) -> int:
    """The process that accepted this connection, as the kernel knows it; 0 where none has in a second."""
    assert server.process is not None
    own = connection.sock.getsockname()[1]
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        inode = _inode(local=server.port, remote=own)
        for pid in children_of(server.process.pid) if inode else []:
            with suppress(FileNotFoundError):  # it died
                if any(_points_to(link, f"socket:[{inode}]") for link in Path(f"/proc/{pid}/fd").iterdir()):
                    return pid
        time.sleep(0.005)
    return 0


def _points_to(link: Path, target: str) -> bool:
    with suppress(OSError):  # closed since it was listed
        return str(link.readlink()) == target
    return False


def _inode(*, local: int, remote: int) -> str | None:
    ends = (f"0100007F:{local:04X}", f"0100007F:{remote:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if tuple(columns[1:3]) == ends:
            return columns[9] if columns[9] != "0" else None
    return None


def percentile(values: Sequence[float], percent: int) -> float:
    """Of seconds, in milliseconds."""
    if len(values) < 2:
        return 1e3 * max(values, default=float("nan"))
    return 1e3 * quantiles(values, n=100, method="inclusive")[percent - 1]
