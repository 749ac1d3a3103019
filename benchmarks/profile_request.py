"""Where each microsecond of one prediction goes: `make bench-profile`.

Requests run through the WSGI application of this process, with everything on, while a timer looks at the stack a
thousand times a second. A sample belongs to the innermost frame that a rule names, so the layers sum to the whole and
nothing is distorted as it would be by a tracing profiler. The same requests, timed against a constant view in
interleaved blocks, say what Django, DRF and the middlewares cost alone; shipping is timed apart, per row.
"""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.serving.state import STATE_FOLDER, ensure_state, read_token
from benchmarks.serving.texts import batches

PATH = "/api/v1/models/sentiment/predictions"
TICK_SECONDS = 0.001
BLOCK = 100
SHIPPED_REQUESTS = 1_000

# The first part of a file's path that is named here, from the innermost frame outwards, tells the layer.
RULES: tuple[tuple[str, str], ...] = (
    ("predictions/prediction_log/", "log: append"),
    ("ml_pipeline/canonical", "log: line"),
    ("predictions/services.py:_lines", "log: line"),
    ("predictions/services.py:_shared_columns", "log: line"),
    ("ml_pipeline/inputs", "validate"),
    ("ml_pipeline/bundle/", "score"),
    ("ml_pipeline/learning/", "score"),
    ("/sklearn/", "score"),
    ("/scipy/", "score"),
    ("/numpy/", "score"),
    ("predictions/metrics", "metrics"),
    ("/prometheus_client/", "metrics"),
    ("/django_prometheus/", "metrics (middleware)"),
    ("predictions/authentication", "authentication"),
    ("/knox/", "authentication"),
    ("predictions/api/parsing", "parse"),
    ("predictions/api/requests", "parse"),
    ("predictions/api/presenting", "response"),
    ("/rest_framework/renderers", "response"),
    ("/rest_framework/response", "response"),
    ("/django/template/response", "response"),
    ("/django/http/response", "response"),
    ("predictions/serving/", "route"),
    ("predictions/services", "service"),
    ("predictions/api/", "view"),
    ("/rest_framework/", "DRF dispatch"),
    ("/django/middleware/", "middlewares"),
    ("/django/contrib/", "middlewares"),
    ("/django/utils/deprecation", "middlewares"),
    ("/whitenoise/", "middlewares"),
    ("codesoft/", "middlewares"),
    ("/django/urls/", "Django: URL"),
    ("/django/", "Django: handler, request, signals"),
    ("/asgiref/", "Django: handler, request, signals"),
)
REST = "harness"

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


class Client:
    """Calls a WSGI application as gunicorn would, and refuses every answer but 200."""

    def __init__(self, application: Application, path: str, token: str, bodies: Sequence[bytes]) -> None:
        self._application = application
        self._bodies = bodies
        self._number = 0
        self._environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "RAW_URI": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "50000",
            "HTTP_HOST": "127.0.0.1:8000",
            "HTTP_AUTHORIZATION": f"Token {token}",
            "CONTENT_TYPE": "application/json",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }

    def ask(self) -> bytes:
        body = self._bodies[self._number % len(self._bodies)]
        self._number += 1
        environ = {**self._environ, "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
        status: list[str] = []
        answer = self._application(environ, lambda line, _headers, _error=None: status.append(line))
        content = b"".join(answer)
        answer.close()
        if status != ["200 OK"]:
            raise RuntimeError(f"{status}: {content[:300]!r}")
        return content

    def block(self) -> float:
        """CPU microseconds of this thread per request, over one block of requests."""
        started = time.thread_time()
        for _ in range(BLOCK):
            self.ask()
        return (time.thread_time() - started) / BLOCK * 1e6


class Samples:
    """Stacks seen by a timer, counted by layer and by function."""

    def __init__(self) -> None:
        self.layers: Counter[str] = Counter()
        self.functions: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def taken(self) -> Iterator[None]:
        before = signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        layer, innermost = REST, _place(frame) if frame else ""
        while frame is not None:
            if (named := _layer(_place(frame))) is not None:
                layer = named
                break
            frame = frame.f_back
        self.layers[layer] += 1
        self.functions[layer, innermost] += 1


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}"


@cache
def _layer(place: str) -> str | None:
    return next((layer for part, layer in RULES if part in place), None)


def main() -> None:
    arguments = _arguments()
    ensure_state(STATE_FOLDER)
    with tempfile.TemporaryDirectory() as metrics_folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder  # as in production, before the first import of a metric
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.serving.constant.settings"
        os.environ["VAR_DIR"] = str(STATE_FOLDER)
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        _profile(arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long stacks are sampled")
    parser.add_argument("--rows", type=int, default=1, help="texts a request")
    parser.add_argument("--functions", type=int, default=25, help="how many functions are named")
    parser.add_argument("--without-scoring", action="store_true", help="every text gets the same answer")
    return parser.parse_args()


def _profile(arguments: argparse.Namespace) -> None:
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 - needs the settings named above

    application = get_wsgi_application()

    from codesoft import idle_connections  # noqa: PLC0415
    from predictions.serving import serving_process, stop_serving  # noqa: PLC0415

    idle_connections.install()
    process = serving_process()  # its threads are not started: what they do is timed apart
    process.live_models.refresh()
    process.live_models.load_bundles()
    process.ship()
    token = read_token(STATE_FOLDER)
    if arguments.without_scoring:
        _leave_out_scoring()
    clients = _clients(application, token, arguments.rows)
    try:
        _print_comparison(clients, rounds=20)
        process.ship()  # what the comparison left
        for _ in range(SHIPPED_REQUESTS):
            clients["whole request"].ask()
        _print_shipping(process.ship, SHIPPED_REQUESTS * arguments.rows)
        _print_samples(clients["whole request"], arguments.seconds, arguments.functions)
    finally:
        stop_serving()


def _leave_out_scoring() -> None:
    """After the bundles are loaded, which proves their answers: what is left is the way around the model."""
    from ml_pipeline.bundle.model_bundle import Answer, ModelBundle  # noqa: PLC0415 - scikit-learn, after the settings

    ModelBundle.predict = lambda _self, rows: [Answer("positive", 0.5123456789, 0.5)] * len(rows)  # type: ignore[method-assign, assignment]


def _clients(application: Application, token: str, rows: int) -> dict[str, Client]:
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415
    from django.test import override_settings  # noqa: PLC0415

    with override_settings(MIDDLEWARE=[]):
        bare = WSGIHandler()
    bodies = [
        json.dumps({"inputs": [{"text": text} for text in texts] if rows > 1 else {"text": texts[0]}}).encode()
        for texts in batches(rows, 500)
    ]
    kinds: dict[str, tuple[Application, str]] = {
        "Django view, no middleware": (bare, "/api/v1/constant-django/predictions"),
        "DRF view, no middleware": (bare, "/api/v1/constant/predictions"),
        "DRF view, our middlewares": (application, "/api/v1/constant/predictions"),
        "whole request": (application, PATH),
    }
    return {name: Client(handler, path, token, bodies) for name, (handler, path) in kinds.items()}


def _print_comparison(clients: dict[str, Client], rounds: int) -> None:
    for client in clients.values():
        client.block()
    measured: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(rounds):
        for name, client in clients.items():
            measured[name].append(client.block())
    print(f"CPU of one request without gunicorn, µs ({rounds} interleaved rounds of {BLOCK})")
    print(f"{'':<34} {'median':>8} {'least':>8} {'most':>8}")
    for name, values in measured.items():
        print(f"{name:<34} {statistics.median(values):8.1f} {min(values):8.1f} {max(values):8.1f}")
    whole, constant = (statistics.median(measured[name]) for name in ("whole request", "DRF view, our middlewares"))
    print(f"{'whole ÷ constant DRF view':<34} {whole / constant:8.2f}\n")


def _print_shipping(ship: Callable[[], None], rows: int) -> None:
    started = time.thread_time()
    ship()
    seconds = time.thread_time() - started
    print(f"shipping: {seconds / rows * 1e6:.1f} µs a row, in the shipping thread\n")


def _print_samples(client: Client, seconds: float, functions: int) -> None:
    samples, asked = Samples(), 0
    before, deadline = time.thread_time(), time.monotonic() + seconds
    with samples.taken():
        while time.monotonic() < deadline:
            client.ask()
            asked += 1
    each = (time.thread_time() - before) / asked * 1e6
    total = sum(samples.layers.values())
    print(f"By layer ({total} samples of {asked} requests, {each:.1f} µs each)")
    for layer, count in samples.layers.most_common():
        print(f"{layer:<34} {count / total * each:8.1f} µs {count / total:7.1%}")
    print("\nFunctions, what they do themselves and what they call in C")
    for (layer, place), count in samples.functions.most_common(functions):
        print(f"{count / total * each:8.1f} µs  {layer:<34} {_short(place)}")


def _short(place: str) -> str:
    file, _, function = place.rpartition(":")
    return f"{'/'.join(Path(file).parts[-3:])}: {function}"


if __name__ == "__main__":
    main()
