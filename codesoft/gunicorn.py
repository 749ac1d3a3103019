"""gunicorn's configuration: `gunicorn codesoft.wsgi:application -c codesoft/gunicorn.py`.

The master imports what every worker needs, once, so that they share the pages; the application itself starts after the
fork (no `preload_app`): a model that was used in the master would hang the children's OpenMP, and threads do not
survive a fork. New code or settings therefore need a new master, not a HUP. The master alone wipes the metrics folder
and owns the metrics server, which ends with it however it dies, because its standard input closes.

Metrics are files that every process maps into its memory. On a disk that is full the kernel ends whoever touches a new
page of such a file (SIGBUS), so they lie in memory where the machine has a folder there.
"""

import gc
import json
import os
import shutil
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn import util

from codesoft.metrics_folder import make_empty, metrics_folder
from codesoft.web_worker.seats import Seats
from codesoft.web_worker.worker import WebWorker
from ml_pipeline.environment import Environment

_production = os.environ.get("CODESOFT_ENV") == "production"
_host = os.environ.get("HOST_ADDRESS") or ("0.0.0.0" if _production else "127.0.0.1")  # noqa: S104 - in a container
_metrics_port = int(os.environ.get("METRICS_PORT") or 9400)
_memory = Path("/dev/shm")  # noqa: S108 - what lies there is named after its owner, and closed to others
_metrics_folder = metrics_folder(_memory, state=Environment.read().var, port=os.environ.get("PORT") or "8000")

# prometheus_client decides at its first import whether processes share their numbers.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics_folder)
os.environ.setdefault("OMP_NUM_THREADS", "1")

bind = f"{_host}:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = WebWorker
threads = int(os.environ.get("WEB_THREADS") or 4)
timeout = 60
graceful_timeout = 20
keepalive = 75  # longer than a load balancer's idle time, so that it never meets a connection that just closed
worker_tmp_dir = str(_memory) if _memory.is_dir() else None
control_socket_disable = True
errorlog = "-"
loglevel = os.environ.get("LOG_LEVEL", "info").lower()

_metrics_server: subprocess.Popen[bytes] | None = None
_seats = Seats(64)  # more workers than that go uncounted


def _write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """What is no HTTP, or beyond its limits, never reaches the application. It is answered in the API's form too."""
    body = json.dumps({"code": "bad_request", "message": f"{reason}. {message}".strip(), "details": {}}).encode()
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    util.write_nonblock(sock, f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)


util.write_error = _write_error  # gunicorn has no setting for it, and its own is HTML


def on_starting(server: Any) -> None:
    """Before the first import of a metric: an empty folder, and a metrics port that can be had."""
    if _production and not os.environ.get("DJANGO_ALLOWED_HOSTS"):  # the probes would succeed, and every request fail
        sys.exit("[error] DJANGO_ALLOWED_HOSTS is not set. Name the hosts that people call, as in models.example.org.")
    make_empty(_metrics_folder)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_host, _metrics_port))
        except OSError as error:
            sys.exit(f"[error] METRICS_PORT {_metrics_port} cannot be used: {error.strerror}. Choose another.")
    _import_for_all()


def _import_for_all() -> None:
    """Django, every view and the code of bundles: no model, no thread, no connection.

    What stands is frozen for the garbage collector, whose marks would copy each page in each worker. Until then it only
    costs time: hardly anything that an import makes is garbage.
    """
    gc.disable()
    import django  # noqa: PLC0415 - the environment above is read at import
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.urls import get_resolver  # noqa: PLC0415

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "codesoft.settings")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        sys.exit(f"[error] {error}")
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    gc.enable()


def when_ready(server: Any) -> None:
    global _metrics_server
    command = [sys.executable, "-m", "codesoft.metrics_server", _host, str(_metrics_port)]
    _metrics_server = subprocess.Popen(command, stdin=subprocess.PIPE)


def pre_fork(server: Any, worker: Any) -> None:
    worker.seats, worker.seat = _seats, _seats.take()


def post_fork(server: Any, worker: Any) -> None:
    """Let go of the pipe: the metrics server must end with the master, not with the last worker."""
    if _metrics_server is not None and _metrics_server.stdin is not None:
        _metrics_server.stdin.close()


def post_worker_init(worker: Any) -> None:
    """All answering threads but one may be inside the database at once; predictions without a key never are."""
    from predictions.bulkhead import Bulkhead, count_this_thread  # noqa: PLC0415 - metrics, after the folder is set

    worker.begin_thread = partial(count_this_thread, Bulkhead(worker.cfg.threads - 1))
    worker.only_computes = _only_computes


def _only_computes(environ: dict[str, Any]) -> bool:
    path: str = environ["PATH_INFO"]
    return path.endswith("/predictions") and path.startswith("/api/") and "HTTP_IDEMPOTENCY_KEY" not in environ


def worker_exit(server: Any, worker: Any) -> None:
    """Flush the prediction log. In the master, which calls this for a worker that died, there is nothing to flush."""
    if os.getpid() == worker.pid and "predictions.serving" in sys.modules:
        sys.modules["predictions.serving"].stop_serving()


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess  # noqa: PLC0415 - after the folder is set

    _seats.leave(worker.seat)
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    if _metrics_server is not None and _metrics_server.stdin is not None:
        _metrics_server.stdin.close()
        _metrics_server.terminate()
        _metrics_server.wait(5)
    shutil.rmtree(_metrics_folder, ignore_errors=True)
