"""Real servers for tracking tests: MLflow with basic auth, one that answers as an old one does, and one that hangs."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.processes import free_port

USERNAME, PASSWORD = "admin", "a-password-for-tests"


@contextmanager
def running_mlflow(folder: Path, database: Path) -> Iterator[str]:
    """The address of a real `mlflow server --app-name basic-auth` over `database`."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{database}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    settings = {
        "MLFLOW_AUTH_CONFIG_PATH": str(_auth_config(folder)),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-tests",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_for_health(f"http://127.0.0.1:{port}/health", server, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)


def _auth_config(folder: Path) -> Path:
    """MLflow's own settings with known credentials, checked once: a slow hash at each request would take minutes."""
    path = folder / "basic_auth.ini"
    path.write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'basic_auth.db'}\n"
        f"admin_username = {USERNAME}\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\nauth_cache_ttl_seconds = 600\n"
    )
    return path


def _wait_for_health(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - an address of our own
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(f"the MLflow server did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def running_old_server(upstream: str, missing: tuple[str, ...]) -> Iterator[str]:
    """A proxy before `upstream` that answers paths with a `missing` part as Flask does: 404 with an HTML page."""

    class Proxy(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if any(part in self.path for part in missing):
                self._answer(404, b"<!doctype html><title>404 Not Found</title>", "text/html")
                return
            connection = http.client.HTTPConnection(upstream.removeprefix("http://"), timeout=30)
            headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self._answer(answer.status, answer.read(), answer.headers.get("Content-Type", "application/json"))

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Tests print nothing."""

    with serving(Proxy) as address:
        yield address


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address at which `handler` answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hanging_server() -> Iterator[str]:
    """The address of a socket that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
