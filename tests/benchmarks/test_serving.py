"""The benchmark's harness at its smallest: two real servers under real load. What they reach is no test's business."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.serving.load import Load
from benchmarks.serving.measuring import Plan, Visit, Window, visit
from benchmarks.serving.peers import FLOOR, OURS, Places, chosen
from benchmarks.serving.processes import ServerFault
from benchmarks.serving.report import markdown, write_into
from benchmarks.serving.results import Results, cpu
from benchmarks.serving.state import ACCESS_FILE
from benchmarks.serving.texts import review_texts
from ml_pipeline.bundle.model_bundle import ModelBundle
from tests.bundles import build_bundle
from tests.predictions.webserver import WebServer
from tests.processes import processes_with_state

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
_SMALLEST = Plan(seconds=1.0, connections=(2,), batch_connections=0, explain=False)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A state with one live model; this environment stands for those of the two servers."""
    if shutil.which("wrk") is None:
        pytest.skip("needs wrk: .ci/install-tools")
    folder = tmp_path_factory.mktemp("benchmark")
    places = Places(folder / "environments", folder / "models", folder / "state", folder / "scratch" / "state")
    places.environments.mkdir()
    places.state.mkdir()
    for name in ("serving", "flask"):
        (places.environments / name).symlink_to(sys.prefix)
    token = WebServer(places.state).run(_PREPARE)
    (places.state / ACCESS_FILE).write_text(json.dumps({"token": token}))
    return places


@pytest.fixture(scope="module")
def expected() -> list[float]:
    bundle = ModelBundle.from_bytes(*build_bundle("sentiment"))
    rows = bundle.validate([{"text": text} for text in review_texts()[:20]])
    return [answer.probability for answer in bundle.predict(rows)]


def test_both_servers_are_loaded_weighed_and_stopped(places: Places, expected: list[float]) -> None:
    visits = {peer.name: visit(peer, _SMALLEST, places, expected) for peer in chosen([OURS, FLOOR])}
    for seen in visits.values():
        assert seen.windows[0].requests > 0
        assert seen.windows[0].cpu_ms > 0
        assert 0 < seen.second_worker_mb < seen.total_mb
    assert not list(processes_with_state(places.scratch))


def test_a_server_that_answers_other_probabilities_is_not_measured(places: Places, expected: list[float]) -> None:
    other = replace(chosen([FLOOR])[0], probabilities=lambda _answer: [value / 2 for value in expected])
    with pytest.raises(ServerFault, match="expected is"):
        visit(other, _SMALLEST, places, expected)


def test_an_error_under_load_ends_the_measurement(places: Places, expected: list[float]) -> None:
    floor = chosen([FLOOR])[0]
    failing = replace(floor, command=lambda python, port, _places: [python, "-c", _FAILS_UNDER_LOAD, str(port)])
    with pytest.raises(ServerFault, match="failed"):
        visit(failing, _SMALLEST, places, expected)


_FAILS_UNDER_LOAD = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
answered = []
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503 if answered else 200)
        answered.append(1)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def _visit(name: str, cpu_ms: float) -> Visit:
    return Visit(name, 1.0, (Window(1, 8, False, 100, 50.0, 2.0, cpu_ms, 0.5),), 50.0, 120.0)


@pytest.fixture
def results() -> Results:
    rounds = [
        {OURS: _visit(OURS, ours), "constant-drf": _visit("constant-drf", 1.0), FLOOR: _visit(FLOOR, 0.5)}
        for ours in (1.0, 1.2, 1.05)
    ]
    at_rate = [{OURS: Load(10, 1.0, 0, 4.0), FLOOR: Load(10, 1.0, 0, 1.0)}]
    return Results({"date": "2026-01-01"}, rounds, 25, at_rate)


def test_ratios_are_taken_round_by_round(results: Results) -> None:
    spread = results.ratio(OURS, "constant-drf", cpu())
    assert spread is not None
    assert (spread.median, spread.low, spread.high) == (1.05, 1.0, 1.2)


def test_the_document_tells_for_each_goal_whether_it_is_met(results: Results) -> None:
    lines = markdown(results).splitlines()
    assert any("constant DRF view" in line and "1.05 (1.00-1.20)" in line and line.endswith("yes |") for line in lines)
    assert any("p99" in line and "3.00" in line for line in lines)
    assert any("mlflow serve" in line and "not measured" in line for line in lines)


def test_a_rate_that_was_not_kept_is_a_goal_not_met_and_costs_no_other_figure(results: Results) -> None:
    results.rate_rounds = [{OURS: Load(10, 1.0, 3, 4.0), FLOOR: Load(10, 1.0, 0, 1.0)}]
    lines = markdown(results).splitlines()
    assert any("p99 at half" in line and line.endswith("**no** |") for line in lines)
    assert any("this product" in line and line.endswith("| 3 |") for line in lines)
    assert any("constant DRF view" in line and line.endswith("yes |") for line in lines)


def test_the_tables_of_a_document_are_replaced_and_its_prose_stays(results: Results, tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text("# Before\n\n")
    write_into(document, results)
    document.write_text(document.read_text() + "After\n")
    write_into(document, results)
    text = document.read_text()
    assert text.startswith("# Before")
    assert text.endswith("After\n")
    assert text.count("### Goals") == 1
