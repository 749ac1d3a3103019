"""The stand of the training drill: real workers, beat and dispatcher over a copy of the project with small models."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

import psycopg

from tests.processes import children_of, command_line, free_port, is_alive, processes_with_state, wait_until
from tests.small_models import small_project

_STOP_SECONDS = 30
_RUNS = """
    SELECT run.id, run.model, run.state, run.attempt, run.error, version.number
    FROM registry_ui_pipelinerun run LEFT JOIN registry_ui_modelversion version ON version.id = run.version_id
    ORDER BY run.created_at
"""


class TrainingStand:
    """Processes of the product without its web, each in a session of its own, on a state folder of their own."""

    def __init__(self, folder: Path, models: Sequence[str], **environment: str) -> None:
        self.models, self.var = list(models), folder / "var"
        self.project = small_project(folder / "project", models)
        self.var.mkdir(parents=True)
        unset = ("DJANGO_", "REDIS", "MONGODB", "MLFLOW", "DAGSHUB", "DVC_", "DATABASE")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
        self.environment = {
            **inherited,
            "PYTHONPATH": str(self.project),
            "PYTHONUNBUFFERED": "1",
            "VAR_DIR": str(self.var),
            "GIT_COMMIT": "0123abc",
            "DISPATCHER_METRICS_PORT": "0",
            "PORT": str(free_port()),
            "METRICS_PORT": str(free_port()),
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self) -> "TrainingStand":
        """The database with its schema, and every model known to the registry."""
        self.manage("migrate", "--noinput")
        names = json.dumps(self.models)
        self.python(
            "from registry_ui.services.deployments import deployment_ensure\n"
            f"for model in {names}: deployment_ensure(model=model)"
        )
        return self

    def change_recipe(self, model: str, strength: str) -> None:
        """Another regularisation: the next run of the model gives another version."""
        path = self.project / "params.yaml"
        text = path.read_text()
        block = text.index(f"\n  {model}:")
        path.write_text(text[:block] + re.sub(r"\{C: [0-9.]+\}", f"{{C: {strength}}}", text[block:], count=1))

    def manage(self, *arguments: str) -> str:
        return self._output("manage.py", *arguments)

    def python(self, code: str) -> str:
        """What a program prints that has Django set up on this stand."""
        return self._output("manage.py", "shell", "--no-imports", "-c", code)

    def start(self, *names: str, runs: int = 1, app: str = "codesoft.celery") -> None:
        celery = [sys.executable, "-m", "celery", "-A", app, "--quiet"]
        worker = [*celery, "worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        commands = {
            "runs": [*worker, "-Q", "runs", "-n", "runs@%h", "--prefetch-multiplier", "1", "-c", str(runs)],
            "default": [*worker, "-Q", "default", "-n", "default@%h", "-c", "1"],
            "beat": [*celery, "beat", "--max-interval", "1"],
            "dispatcher": [sys.executable, "manage.py", "dispatch_runs"],
            "web": [sys.executable, "-m", "gunicorn", "codesoft.wsgi:application", "-c", "codesoft/gunicorn.py"],
        }
        (self.var / "broker" / "messages").mkdir(parents=True, exist_ok=True)
        (self.var / "broker" / "control").mkdir(exist_ok=True)
        for name in names:
            with (self.var / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    commands[name],
                    cwd=self.project,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def is_up(self, name: str) -> bool:
        return self._running[name].poll() is None

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM, seconds: float = _STOP_SECONDS) -> int:
        """Send the signal to the process that was started, and wait for its end."""
        process = self._running.pop(name)
        process.send_signal(number)
        return process.wait(seconds)

    def stop_all(self) -> None:
        """Whatever runs on the state folder is gone afterwards."""
        for pid in processes_with_state(self.var):
            _kill(pid)
        for process in self._running.values():
            process.wait(_STOP_SECONDS)
        self._running.clear()

    def children(self) -> list[int]:
        """The worker's prefork children."""
        return children_of(self.pid("runs"))

    def processes(self, words: str) -> list[int]:
        """Of this stand, by their command line; the guard's names what it guards, too."""
        named = {pid: command_line(pid) for pid in processes_with_state(self.var)}
        guards = "guard.py" in words
        return [pid for pid, line in named.items() if words in line and ("guard.py" in line) == guards]

    def of_runs(self) -> list[int]:
        """Every process that a run started: guards, `dvc`, stages, the publish step."""
        return [pid for words in ("guard.py", "-m dvc", "ml_pipeline.") for pid in self.processes(words)]

    def log(self, name: str) -> str:
        return (self.var / f"{name}.log").read_text()

    def runs(self) -> list[dict[str, object]]:
        """Every run, oldest first; asked of the database itself, because a process takes seconds to set Django up."""
        columns = ("id", "model", "state", "attempt", "error", "version__number")
        return [{**dict(zip(columns, row, strict=True)), "id": str(UUID(str(row[0])))} for row in self._select(_RUNS)]

    def request(self, model: str) -> str:
        """Queue a run as an operator does; its id."""
        return self.python(
            "from registry_ui.services.runs import run_request\n"
            "from registry_ui.services.access import Actor\n"
            "from registry_ui.models import Trigger\n"
            f"print(run_request(model={model!r}, actor=Actor.operator('drill'), trigger=Trigger.COMMAND).pk)"
        )

    def ended(self, run: str, seconds: float) -> dict[str, object] | None:
        """The run when it has ended; None where it has not in time."""

        def row() -> dict[str, object] | None:
            found = next(one for one in self.runs() if one["id"] == run)
            return found if found["state"] not in ("queued", "running") else None

        return wait_until(row, seconds, 0.3)

    def _select(self, query: str) -> list[tuple[object, ...]]:
        if url := self.environment.get("DATABASE_URL"):
            with psycopg.connect(url) as server:
                return server.execute(query).fetchall()
        with closing(sqlite3.connect(self.var / "codesoft.sqlite3", timeout=20)) as file:
            return file.execute(query).fetchall()

    def _output(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()


def _kill(pid: int) -> None:
    if is_alive(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
