"""Which servers answer: asked of real ones, one that is away, and one that never says a word."""

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pytest_django import Settings

from ml_pipeline.environment import Environment
from registry_ui import reachability
from registry_ui.metrics import ReachabilityCollector
from registry_ui.reachability import Reachability, configured_probes
from tests.processes import free_port, wait_until


def environment(**named: str | None) -> Environment:
    given: dict[str, str | None] = dict.fromkeys(
        ("mongodb_uri", "mongodb_database", "mlflow_tracking_uri", "dagshub_repo", "dagshub_token", "git_commit")
    )
    return Environment(var=Path("var"), **(given | named))  # type: ignore[arg-type]


def asked(probes: Reachability, name: str) -> bool:
    probes.ask(name)
    return probes.servers[name].is_up


@pytest.fixture
def tracking() -> Iterator[tuple[str, list[int]]]:
    """An HTTP server that gives the statuses of a list, the last one for ever."""
    statuses = [200]

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", statuses
    server.shutdown()


@pytest.mark.parametrize("variable", ["TEST_REDIS_URL", "TEST_MONGODB_URI"])
def test_a_server_that_runs_is_up_and_one_that_does_not_is_down(variable: str, settings: Settings) -> None:
    address = os.environ.get(variable)
    if not address:
        pytest.skip(f"{variable} names no server")
    name = "redis" if "REDIS" in variable else "mongodb"
    for url, up in ((address, True), (f"{name}://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=500", False)):
        settings.REDIS_URL = url.partition("?")[0] if name == "redis" else ""
        probes = configured_probes(environment(mongodb_uri=url if name == "mongodb" else None))
        assert list(probes) == [name]
        assert asked(Reachability(probes), name) is up


def test_a_tracking_server_is_up_also_when_it_refuses_and_down_when_it_fails(
    tracking: tuple[str, list[int]], settings: Settings
) -> None:
    settings.REDIS_URL = ""
    url, statuses = tracking
    probes = Reachability(configured_probes(environment(mlflow_tracking_uri=url)))
    for status, up in ((200, True), (403, True), (502, False)):
        statuses[0] = status
        assert asked(probes, "mlflow") is up, status


def test_what_is_embedded_has_no_probe(settings: Settings) -> None:
    settings.REDIS_URL = ""
    assert configured_probes(environment()) == {}
    assert configured_probes(environment(dagshub_repo="me/project")) == {}, "half a configuration"


def test_a_server_that_never_says_a_word_hides_no_other_and_counts_as_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachability, "PERIOD", 0.05)
    monkeypatch.setattr(reachability, "_OVERDUE", 0.3)
    released = threading.Event()
    answers = iter([True])

    def hang() -> None:
        if not next(answers, False):
            released.wait(30)

    probes = Reachability({"hangs": hang, "answers": lambda: None})
    probes.start()
    assert wait_until(lambda: probes.servers["answers"].is_up, 5)
    assert wait_until(lambda: not probes.servers["hangs"].is_up, 5)
    registry = CollectorRegistry()
    registry.register(ReachabilityCollector(probes))
    text = generate_latest(registry).decode()
    probes.stop()
    released.set()
    assert 'codesoft_server_up{server="answers"} 1.0' in text
    assert 'codesoft_server_up{server="hangs"} 0.0' in text


def test_a_silent_port_costs_a_bounded_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings.REDIS_URL = f"redis://127.0.0.1:{port}"
        probes = Reachability(configured_probes(environment(mlflow_tracking_uri=f"http://127.0.0.1:{port}")))
        for name in ("redis", "mlflow"):
            assert asked(probes, name) is False
            assert probes.servers[name].seconds < 5
