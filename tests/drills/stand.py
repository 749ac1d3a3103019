"""The stand of a drill: our web processes over real servers, with two versions of a model that a person may promote."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psycopg

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.environment import PROJECT_ROOT
from tests.bundles import build_bundle
from tests.drills.load import Load, NotReached
from tests.drills.servers import PostgreSQL
from tests.predictions.webserver import WebServer
from tests.processes import children_of, wait_until

ROWS_OF_VERSION = {1: 300, 2: 200}
TEXTS = [
    "A fine film with a warm heart, and one that stays with you.",
    "A dull mess. Two hours that I will not get back, and no joke that works.",
    "The actors are good, the story is not: I liked the first half and slept through the second.",
    "Wonderful from beginning to end; the music alone is worth the ticket.",
    "Terrible acting, a plot full of holes, and an ending that explains nothing.",
]
_LOG_SECONDS, _START_SECONDS = 180, 120  # limits, on a machine that others use too


class Stand:
    """`folder` is the state folder of the web processes; PostgreSQL and other servers lie beside it."""

    def __init__(self, folder: Path, postgresql: PostgreSQL, *, workers: int, **environment: str) -> None:
        self.postgresql = postgresql
        self._count = workers
        self.web = WebServer(
            folder, DATABASE_URL=postgresql.url, WEB_CONCURRENCY=str(workers), LOG_LEVEL="warning", **environment
        )
        self.token = ""

    def prepare(self) -> "Stand":
        """Migrate, import both versions, approve both as a person does; version 2 serves."""
        self.token = json.loads(self.decider("prepare"))["token"]
        return self

    def start(self) -> "Stand":
        """The web processes, all of them: the first is ready while the others are still being forked."""
        self.web.start()
        assert wait_until(lambda: len(self.workers()) == self._count, _START_SECONDS), self.workers()
        return self

    @contextmanager
    def moved_to(self, folder: Path) -> Iterator["Stand"]:
        """More web processes over the same database, with the same bundles in another state folder."""
        shutil.copytree(Path(self.web.environment["VAR_DIR"]) / "bundles", folder / "bundles")
        moved = Stand(folder, self.postgresql, workers=self._count)
        moved.token = self.token
        moved.web.log = self.web.log.with_name("moved.log")  # not where the disk may be full
        try:
            moved.start()
            yield moved
        finally:
            moved.web.stop(signal.SIGKILL)

    def load(self, *, rate: float, clients: int, reach: list[int] | None = None) -> Load:
        """On connections to every worker, or to those named."""
        return Load(self.web, self.token, TEXTS, rate=rate, clients=clients, reach=reach or self.workers())

    def workers(self) -> list[int]:
        assert self.web.process is not None
        return [pid for pid in children_of(self.web.process.pid) if _is_worker(pid)]

    def answers_from_another_than(self, old: Collection[int]) -> int | None:
        """The first worker beside the old ones that answers on a connection of its own; None where none does."""
        new = wait_until(lambda: [pid for pid in self.workers() if pid not in old], _START_SECONDS)
        if not new:
            return None
        try:
            probe = self.load(rate=20, clients=1, reach=new)
        except NotReached:
            return None

        def answering() -> int | None:  # a broken connection is made anew, perhaps to an old worker
            return next((one.worker for one in probe.answered if one.status and one.worker in new), None)

        with probe.running():
            return wait_until(answering, _START_SECONDS)

    def decider(self, *arguments: str) -> str:
        with self.deciding(*arguments) as process:
            output, _ = process.communicate(timeout=300)
            assert process.returncode == 0
        return output

    @contextmanager
    def deciding(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The process in which decisions are taken: not one that serves."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.drills.decider", *arguments],
            cwd=PROJECT_ROOT,
            env={**self.web.environment, "DJANGO_SETTINGS_MODULE": "codesoft.settings"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def logged(self) -> dict[str, int]:
        """Version by prediction id, of all that is in the table. The id is its primary key: none stands there twice."""
        with psycopg.connect(self.postgresql.url) as database:
            return {str(row[0]): row[1] for row in database.execute("SELECT id, version FROM predictions_prediction")}

    def wait_for_log(self, ids: list[str]) -> tuple[float, list[str]]:
        """Seconds until all are in the table and nothing waits in a spool, and what is still missing then."""
        started = time.monotonic()
        wanted = set(ids)
        wait_until(lambda: not wanted - self.logged().keys() and not self.waiting(), _LOG_SECONDS, 0.2)
        return time.monotonic() - started, sorted(wanted - self.logged().keys())

    def waiting(self) -> list[Path]:
        """Segments with lines in them."""
        spool = Path(self.web.environment["VAR_DIR"]) / "spool"
        return [path for path in spool.rglob("*.jsonl") if _size(path)]

    @cached_property
    def probabilities(self) -> dict[int, dict[str, float]]:
        """What each version answers to each text: whoever mixes them is found out."""
        return {number: _answers(number) for number in ROWS_OF_VERSION}


def bundle_of(number: int) -> tuple[bytes, bytes]:
    return build_bundle("sentiment", rows=ROWS_OF_VERSION[number])


def repeated(ids: list[str]) -> list[str]:
    return [one for one, count in Counter(ids).items() if count > 1]


def _answers(number: int) -> dict[str, float]:
    bundle = ModelBundle.from_bytes(*bundle_of(number))
    rows = bundle.validate([{"text": text} for text in TEXTS])
    return {text: answer.probability for text, answer in zip(TEXTS, bundle.predict(rows), strict=True)}


def _is_worker(pid: int) -> bool:
    """gunicorn's other child serves the metrics."""
    try:
        return b"metrics_server" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
