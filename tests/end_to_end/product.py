"""The product as `make run` starts it, from a copy of the project, with its own state folder and ports."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import free_port, processes_with_state, wait_until

_START_SECONDS = 420


@dataclass
class Product:
    """`start` blocks until it serves; `stop` is Ctrl-C."""

    project: Path
    var: Path
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    dispatcher_metrics_port: int = field(default_factory=free_port)
    output: list[str] = field(default_factory=list)
    _process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def access(self) -> dict[str, Any]:
        return json.loads((self.var / "access.json").read_bytes())

    def password(self, user: str) -> str:
        return next(row["password"] for row in self.access["users"] if row["name"] == user)

    def start(self, **environment: str) -> None:
        self.output = []
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "launch"],
            cwd=self.project,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        wait_until(lambda: self.is_serving or self._process.poll() is not None, _START_SECONDS, 0.2)
        assert self.is_serving, "".join(self.output)

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "REDIS", "MONGODB"))
        }
        own = {
            "VAR_DIR": str(self.var),
            "PORT": str(self.port),
            "METRICS_PORT": str(self.metrics_port),
            "DISPATCHER_METRICS_PORT": str(self.dispatcher_metrics_port),
        }
        return inherited | own | more

    @property
    def answers(self) -> bool:
        """Not while it is stopping because one of its processes ended."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def is_serving(self) -> bool:
        return any("is running" in line for line in self.output)

    @property
    def printed(self) -> str:
        return "".join(self.output)

    def stop(self) -> int:
        """Ctrl-C, as a terminal sends it; the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=60)

    def processes(self) -> list[int]:
        return list(processes_with_state(self.var))

    def call(self, path: str, body: Any = None, *, method: str | None = None) -> tuple[int, Any]:
        """Status and parsed JSON of an API call with the token."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Token {self.access['token']}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def predict(self, model: str, inputs: Any) -> dict[str, Any]:
        status, answer = self.call(f"models/{model}/predictions", {"inputs": inputs})
        assert status == 200, answer
        return answer

    def retrain(self, model: str) -> dict[str, Any]:
        """Ask for a run by the API and wait for its end."""
        status, run = self.call(f"models/{model}/runs", {}, method="POST")
        assert status == 202, run
        return wait_until(lambda: self.ended_run(model, run["id"]), 240, 0.5)

    def ended_run(self, model: str, run_id: str) -> dict[str, Any] | None:
        _, run = self.call(f"models/{model}/runs/{run_id}")
        return run if run["state"] not in ("queued", "running") else None

    def _read(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            self.output.append(line)
        process.stdout.close()
