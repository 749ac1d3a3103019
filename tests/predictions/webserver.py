"""A real gunicorn with a state folder of its own, for tests of what processes do."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codesoft.metrics_folder import metrics_folder
from ml_pipeline.environment import PROJECT_ROOT
from tests.processes import free_port


class WebServer:
    """gunicorn on a free port, with `VAR_DIR` in a temporary folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
            "VAR_DIR": str(folder),
            "PORT": str(self.port),
            "METRICS_PORT": str(self.metrics_port),
            "WEB_CONCURRENCY": "1",
            **environment,
        }
        self.log = folder / "web.log"
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, code: str) -> str:
        """Run Python with Django set up on this server's state; what it printed."""
        setup = "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'codesoft.settings'; django.setup()\n"
        done = subprocess.run(
            [sys.executable, "-c", setup + code],
            cwd=PROJECT_ROOT, env=self.environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, *, ready: bool = True) -> "WebServer":
        command = [sys.executable, "-m", "gunicorn", "codesoft.wsgi:application", "-c", "codesoft/gunicorn.py"]
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=self.environment,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_for(lambda: self.status("/readyz" if ready else "/healthz") == 200, 180, self.log)
        wait_for(self._tells_metrics, 60, self.log)
        return self

    def _tells_metrics(self) -> bool:
        """Their server is a process of its own, which workers may overtake."""
        try:
            socket.create_connection(("127.0.0.1", self.metrics_port), timeout=5).close()
        except OSError:
            return False
        return True

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End the whole group; with SIGKILL no process gets to do anything."""
        if self.process is not None:
            if with_signal == signal.SIGKILL:
                os.killpg(self.process.pid, signal.SIGKILL)
                shutil.rmtree(self.metrics_folder, ignore_errors=True)  # in memory, and nobody is left to do it
            else:
                self.process.send_signal(with_signal)
            self.process.wait(30)
            self.process = None

    @property
    def metrics_folder(self) -> Path:
        return metrics_folder(Path("/dev/shm"), state=Path(self.environment["VAR_DIR"]), port=str(self.port))

    def status(self, path: str) -> int:
        try:
            return self.request("GET", path)[0]
        except OSError:
            return 0

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and parsed body of one request on a new connection."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data,
            {"Content-Type": "application/json", **(headers or {})},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - our own address
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _parsed(error.read())

    def send(self, request: bytes) -> tuple[int, Any]:
        """Status and parsed body of what answers these bytes, after which nothing more is sent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, _parsed(answer.read())

    def predict(self, model: str, token: str, body: Any) -> tuple[int, Any]:
        return self.request("POST", f"/api/v1/models/{model}/predictions", body, {"Authorization": f"Token {token}"})


def wait_for(condition: Callable[[], Any], seconds: float, log: Path | None = None) -> float:
    """Poll until the condition holds and give the seconds it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            shown = log.read_text()[-3000:] if log else ""
            raise AssertionError(f"Not within {seconds} s. {shown}")
        time.sleep(0.02)
    return time.monotonic() - started


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
