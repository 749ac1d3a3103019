"""One visit to a server: start it, prove its answers, load it, weigh it, stop it. Only one server runs at a time."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.serving.load import Load, Target, closed_loop, fixed_rate
from benchmarks.serving.peers import OURS, Peer, Places
from benchmarks.serving.processes import Server, ServerFault, Usage, free_ports, running
from benchmarks.serving.state import copy_state, logged_rows, wait_until_shipped
from benchmarks.serving.texts import BATCH, batches, review_texts

Result = TypeVar("Result")

START_SECONDS = 180.0  # a busy machine
IDLE_SECONDS = 15.0
SHIP_SECONDS = 120.0
WARM_UP_SECONDS = 1.0
PROVEN_TEXTS = 20
TOLERANCE = 1e-6
_BODIES = {1: 500, BATCH: 50}


@dataclass(frozen=True)
class Plan:
    """What one visit does. `batch_connections` is 0 where lists are left out."""

    seconds: float
    connections: tuple[int, ...] = (1, 8, 32)
    batch_connections: int = 8
    explain: bool = True


@dataclass(frozen=True)
class Window:
    """A load and what it cost. `cpu_ms` is a request's, of the whole tree, the shipping of its log lines included;
    `busiest` is the share of the busier of the two processes that worked most.
    """

    texts: int
    connections: int
    explain: bool
    requests: int
    per_second: float
    p99_ms: float
    cpu_ms: float
    busiest: float


@dataclass(frozen=True)
class Visit:
    """What was seen of a server from its start to its end. Memory in MB (PSS): of the second worker, and of all."""

    peer: str
    start_seconds: float
    windows: tuple[Window, ...]
    second_worker_mb: float
    total_mb: float


@dataclass
class Visited:
    """A running server that has given its first answer."""

    peer: Peer
    server: Server
    address: str
    places: Places
    start_seconds: float
    answered_texts: int = 0

    def target(self, texts: int, *, explain: bool = False) -> Target:
        bodies = [json.dumps(self.peer.body(some)).encode() for some in batches(texts, _BODIES[texts])]
        headers = {"Content-Type": "application/json", **self.peer.headers(self.places)}
        return Target(self.address + ("?explain=true" if explain else ""), headers, bodies)

    def window(self, texts: int, connections: int, seconds: float, *, explain: bool = False) -> Window:
        target = self.target(texts, explain=explain)
        before = self.server.usage()
        load = closed_loop(target, connections=connections, seconds=seconds, folder=self.places.scratch.parent)
        self.keep(load, texts)
        used = self._settled_usage().since(before)
        return Window(
            texts, connections, explain, load.requests, load.per_second, load.p99_ms,
            used.total / load.requests * 1000, busiest_share(used),
        )  # fmt: skip

    def keep(self, load: Load, texts: int) -> None:
        """A window with a single answer other than 200 is no measurement."""
        if load.errors:
            raise self.server.fault(f"failed {load.errors} of {load.requests} requests")
        self.answered_texts += load.requests * texts

    def _settled_usage(self) -> Usage:
        """When all that was logged has been shipped, so that the window pays for it."""
        if self.peer.uses_state:
            wait_until_shipped(self.places.scratch, SHIP_SECONDS)
        return self.server.usage()


def visit(peer: Peer, plan: Plan, places: Places, expected: Sequence[float]) -> Visit:
    """Measure one server by `plan`; ServerFault where it fails a request or answers other probabilities."""
    return _with_server(peer, places, expected, lambda visited: _measured(visited, plan))


def visit_at_rate(
    peer: Peer, rate: int, seconds: float, places: Places, expected: Sequence[float], vegeta: Path
) -> Load:
    """The answers' times at a fixed rate, and how many requests failed: too high a rate is a finding, not a fault."""

    def attack(visited: Visited) -> Load:
        load = fixed_rate(visited.target(1), vegeta=vegeta, rate=rate, seconds=seconds)
        visited.answered_texts += load.requests - load.errors
        return load

    return _with_server(peer, places, expected, attack)


def _with_server(peer: Peer, places: Places, expected: Sequence[float], work: Callable[[Visited], Result]) -> Result:
    copy_state(places.state, places.scratch)
    port = free_ports(3)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "MLFLOW_"))},
        "PORT": str(port),
        "OMP_NUM_THREADS": "1",
        **peer.variables(port, places),
    }
    command, log = peer.command(peer.python(places), port, places), places.scratch.parent / f"{peer.name}.log"
    started = time.monotonic()
    with running(command, folder=peer.folder, environment=environment, log=log) as server:
        visited = Visited(peer, server, f"http://127.0.0.1:{port}{peer.path}", places, 0.0)
        server.wait_for(lambda: _ask(visited, review_texts()[:1]) is not None, START_SECONDS)
        visited = replace(visited, start_seconds=time.monotonic() - started)
        _prove(visited, expected)
        server.wait_until_idle(IDLE_SECONDS)
        result = work(visited)
    if peer.probabilities and peer.uses_state:
        _prove_logged(visited)
    return result


def _measured(visited: Visited, plan: Plan) -> Visit:
    warm_up = closed_loop(
        visited.target(1), connections=8, seconds=WARM_UP_SECONDS, folder=visited.places.scratch.parent
    )
    visited.keep(warm_up, 1)
    windows = [visited.window(1, connections, plan.seconds) for connections in plan.connections]
    if plan.batch_connections:
        windows.append(visited.window(BATCH, plan.batch_connections, plan.seconds))
    if plan.explain and visited.peer.name == OURS and _explains(visited):
        windows.append(visited.window(1, 8, plan.seconds, explain=True))
    memory = visited.server.memory()
    workers = _workers(visited.server.usage())
    return Visit(
        peer=visited.peer.name,
        start_seconds=visited.start_seconds,
        windows=tuple(windows),
        second_worker_mb=memory.get(workers[-1], 0.0),
        total_mb=sum(memory.values()),
    )


def _workers(usage: Usage) -> list[int]:
    """The two processes that worked most, in the order of their start."""
    return sorted(sorted(usage.seconds, key=usage.seconds.__getitem__)[-2:])


def busiest_share(usage: Usage) -> float:
    both = sorted(usage.seconds.values())[-2:]
    return both[-1] / sum(both) if sum(both) else 1.0


def _explains(visited: Visited) -> bool:
    """Whether this version of the product knows how to explain an answer."""
    answer = _ask(replace(visited, address=f"{visited.address}?explain=true"), review_texts()[:1])
    return answer is not None and "explanation" in answer["predictions"][0]


def _prove(visited: Visited, expected: Sequence[float]) -> None:
    """The same model answers everywhere, or the comparison is one of different things."""
    if visited.peer.probabilities is None:
        return
    answer = _ask(visited, review_texts()[:PROVEN_TEXTS])
    seen = visited.peer.probabilities(answer) if answer is not None else []
    if len(seen) != PROVEN_TEXTS or any(abs(a - b) > TOLERANCE for a, b in zip(seen, expected, strict=False)):
        raise visited.server.fault(f"answers {seen[:3]}, expected is {list(expected[:3])}")


def _prove_logged(visited: Visited) -> None:
    """Every answer is in the table when the server has stopped."""
    rows = logged_rows(visited.places.scratch)
    if rows < visited.answered_texts:
        raise ServerFault(f"{visited.peer.name} logged {rows} of {visited.answered_texts} answered texts.")


def _ask(visited: Visited, texts: Sequence[str]) -> Any:
    """The answer to one request on a connection of its own; None where it is none or not 200."""
    data = json.dumps(visited.peer.body(texts)).encode()
    headers = {"Content-Type": "application/json", **visited.peer.headers(visited.places)}
    request = urllib.request.Request(visited.address, data, headers)  # noqa: S310 - our own address
    with suppress(OSError, urllib.error.HTTPError), urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.loads(answer.read())
    return None
