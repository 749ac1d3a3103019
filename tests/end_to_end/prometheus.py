"""Debian's Prometheus and Alertmanager as the project configures them, pointed at a running product."""

import json
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.infrastructure.files import MONITORING, load_yaml
from tests.processes import free_port, wait_until

FAST = "1s"


class Prometheus:
    """A server that scrapes and evaluates each second; asked over its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer; an error of PromQL is an assertion."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:  # noqa: S310 - ours
            body = json.loads(answer.read())
        assert body["status"] == "success", body
        return body["data"]

    def has(self, metric: str) -> bool:
        return bool(self.ask("query", query=f"count({metric})")["result"])

    def firing(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"] if one["state"] == "firing"}


class Receiver:
    """A webhook that keeps what it is sent."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        receiver = self

        class Keeps(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.alerts += body["alerts"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Keeps)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"


@contextmanager
def monitoring(folder: Path, targets: dict[str, int], *, at_once: str) -> Iterator[tuple[Prometheus, Receiver]]:
    """Both servers until the end. `targets` is job → port; the alert `at_once` does not wait for its duration.

    That every alert waits as long as it should is proven by `promtool test rules`.
    """
    receiver, ports = Receiver(), (free_port(), free_port())
    _write_alertmanager(folder, receiver.url)
    _write_prometheus(folder, targets, ports[1], at_once)
    commands = (
        ["prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data",
         f"--web.listen-address=127.0.0.1:{ports[0]}"],
        ["prometheus-alertmanager", "--config.file=alertmanager.yaml", "--storage.path=alerts",
         f"--web.listen-address=127.0.0.1:{ports[1]}", "--cluster.listen-address="],
    )  # fmt: skip
    with (folder / "log").open("wb") as log:
        started = [subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) for command in commands]
    try:
        assert all(wait_until(lambda port=port: _is_ready(port), 30) for port in ports), (folder / "log").read_text()
        yield Prometheus(f"http://127.0.0.1:{ports[0]}"), receiver
    finally:
        for process in started:
            process.terminate()
            process.wait(20)
        receiver.server.shutdown()


def _write_alertmanager(folder: Path, webhook: str) -> None:
    """The project's routes and inhibitions; the receiver is a webhook in the place of the chat, and nothing waits.

    The interval matters as well as the first wait: before the first scrape `absent(up…)` is true, so the alert's group
    may exist already, without having told anybody, and what joins a group waits for its next interval.
    """
    configuration = load_yaml(MONITORING / "alertmanager.yaml")
    configuration["global"].pop("slack_api_url_file")
    for route in (configuration["route"], *configuration["route"]["routes"]):
        route |= {"group_wait": "0s", "group_interval": FAST}
    for one in configuration["receivers"]:
        one.pop("slack_configs")
        one["webhook_configs"] = [{"url": webhook, "send_resolved": False}]
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(configuration))


def _write_prometheus(folder: Path, targets: dict[str, int], alertmanager: int, at_once: str) -> None:
    configuration = load_yaml(MONITORING / "prometheus.yaml")
    configuration["global"] = {"scrape_interval": FAST, "evaluation_interval": FAST, "scrape_timeout": FAST}
    (managers,) = configuration["alerting"]["alertmanagers"]
    managers["static_configs"] = [{"targets": [f"127.0.0.1:{alertmanager}"]}]
    configuration["scrape_configs"] = [one for one in configuration["scrape_configs"] if one["job_name"] in targets]
    for one in configuration["scrape_configs"]:
        one["static_configs"] = [{"targets": [f"127.0.0.1:{targets[one['job_name']]}"]}]
    rules = load_yaml(MONITORING / "rules.yaml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") == at_once:
                rule.pop("for")
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
