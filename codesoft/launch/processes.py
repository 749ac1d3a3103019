"""The processes of the product on one machine, started and stopped together.

Each runs under the pipeline's guard process: when one of them ends, or this process dies however it may, all end.
"""

import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ml_pipeline.running.guarded import run_guarded

_GRACE_SECONDS = 10.0
_LOUD = ("[error", "[critical", "ERROR", "CRITICAL", "Traceback")


def web_process() -> dict[str, list[str]]:
    return {"web": [sys.executable, "-m", "gunicorn", "codesoft.wsgi:application", "-c", "codesoft/gunicorn.py"]}


def background_processes(*, runs_side_by_side: int = 1) -> dict[str, list[str]]:
    """Name → command. Two workers everywhere: a long run must not hold up the short tasks."""
    celery = [sys.executable, "-m", "celery", "-A", "codesoft.celery", "--quiet"]
    worker = [*celery, "worker", "--without-gossip", "--without-mingle"]
    runs = ["-Q", "runs", "-n", "runs@%h", "--prefetch-multiplier", "1", "-c", str(runs_side_by_side)]
    return {
        "runs": [*worker, *runs],
        "default": [*worker, "-Q", "default", "-n", "default@%h", "-c", "1"],
        "beat": [*celery, "beat"],
        "dispatcher": [sys.executable, "manage.py", "dispatch_runs"],
    }


@dataclass
class Supervisor:
    """Runs commands side by side, one thread each, and writes their output to `<log_folder>/<name>.log`."""

    log_folder: Path
    folder: Path
    environment: Mapping[str, str]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    first_ended: str | None = None

    def start(self, commands: Mapping[str, Sequence[str]]) -> None:
        self.log_folder.mkdir(parents=True, exist_ok=True)
        for name, command in commands.items():
            thread = threading.Thread(target=self._run, args=(name, command), name=name)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ask every process to end; `wait` returns when all have."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def wait(self) -> None:
        """Until one process ended or `stop` was called, and then until all are gone."""
        while not self._stopping.wait(0.5):
            continue
        for thread in self._threads:
            thread.join()

    def _run(self, name: str, command: Sequence[str]) -> None:
        try:
            status = run_guarded(
                command,
                cwd=self.folder,
                env=self.environment,
                on_line=lambda line: self._keep(name, line),
                should_stop=self._stopping.is_set,
                grace=_GRACE_SECONDS,
                ends_its_children=True,
            )
            end = f"exit status {status}; see {self._log(name)}"
        except OSError as error:
            end = f"not started: {error}"
        if not self._stopping.is_set():
            self.first_ended = f"{name} ({end})"
            self._stopping.set()

    def _keep(self, name: str, line: str) -> None:
        """A full disk costs lines of the log, never the process that wrote them."""
        with suppress(OSError), self._log(name).open("a") as log:
            log.write(line + "\n")
        if any(mark in line for mark in _LOUD):
            sys.stderr.write(f"{name}: {line}\n")

    def _log(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"
