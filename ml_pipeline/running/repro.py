"""The one module that starts `dvc`.

`python -m ml_pipeline.running.repro [MODEL …]`, which `make pipeline` calls, reproduces the declared models in the
current folder, publishes them, and writes the README's table of results when it was all of them.
`ml_pipeline.running.job` does the same in a workspace.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.environment import PROJECT_ROOT, Environment
from ml_pipeline.errors import CodesoftError, RunFailed, RunKilled
from ml_pipeline.params import declared_models, load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.results_table import write_results
from ml_pipeline.running.guarded import run_guarded

_TAIL_LINES = 40
_KILLED = (128 + signal.SIGKILL, -signal.SIGKILL)  # of the command, and of the guard itself
_STAGE_KILLED = "exited with -9"  # as `dvc` tells it


@dataclass(frozen=True)
class Steps:
    """Runs guarded commands one after the other in one folder, and hands on their output line by line.

    `trigger` says who or what started the run, and `pipeline_run` names the registry's run and its attempt; the
    tracking server keeps both.
    """

    folder: Path
    on_line: Callable[[str], None]
    should_stop: Callable[[], bool] = lambda: False
    trigger: str = "developer"
    pipeline_run: str = ""

    def dvc(self, *arguments: str) -> None:
        """One `dvc` command; RunFailed carries the last lines of its output unless it succeeds."""
        self.run(sys.executable, "-m", "dvc", *arguments)

    def run(self, *command: str) -> None:
        """One command; RunFailed carries the last lines of its output unless it ends with status 0, RunKilled too."""
        tail: list[str] = []

        def remember(line: str) -> None:
            tail.append(line)
            del tail[:-_TAIL_LINES]
            self.on_line(line)

        status = run_guarded(
            command, cwd=self.folder, env=self.environment(), on_line=remember, should_stop=self.should_stop
        )
        if status == 0:
            return
        name, details = " ".join(command[1:4]), {"status": status, "lines": tail}
        if status in _KILLED or any(_STAGE_KILLED in line for line in tail):
            raise RunKilled(
                f"`{name}` ended with status {status}.",
                advice="It was killed: by the system, most often, for want of memory.",
                details=details,
            )
        raise RunFailed(f"`{name}` ended with status {status}.", details=details)

    def environment(self) -> dict[str, str]:
        """The variables of every command: this interpreter first, no telemetry, one thread for equal bytes."""
        var = Environment.read().var
        return os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "VAR_DIR": str(var),
            "CODESOFT_TRIGGER": self.trigger,
            "CODESOFT_PIPELINE_RUN": self.pipeline_run,
            "DVC_SITE_CACHE_DIR": str(self._site_cache(var)),
            "DVC_NO_ANALYTICS": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def _site_cache(self, var: Path) -> Path:
        """Where DVC keeps what it knows of a folder's files, by the folder's path: a workspace takes its own along."""
        return var / "dvc" / "site" if self.folder == PROJECT_ROOT else self.folder / ".dvc" / "site"


def reproduce(models: Sequence[str], steps: Steps, *, pull: bool = False) -> None:
    """`dvc repro` for all stages of `models`; with `pull`, what did not change is fetched from the remote."""
    for model in models:
        load_spec(model, steps.folder / "params.yaml")
        _ensure_baseline(steps.folder / Artifacts(model).baseline)
    steps.dvc("repro", *(["--pull"] if pull else []), *(f"registration@{model}" for model in models))


def publish(models: Sequence[str], steps: Steps) -> None:
    """The idempotent publish step, in a process of its own: mlflow costs seconds and memory. It prints JSON lines."""
    steps.run(sys.executable, "-m", "ml_pipeline.tracking.publish", *models)


def _ensure_baseline(path: Path) -> None:
    """A model that never had a champion is compared with none."""
    if not path.exists():
        write_bytes(path, readable_json({"champion": None}))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Reproduce models through the pipeline and publish them to MLflow.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all declared models if none is named")
    named = parser.parse_args(arguments).models
    steps = Steps(PROJECT_ROOT, on_line=print)
    try:
        models = named or declared_models()
        reproduce(models, steps)
        publish(models, steps)
        if models == declared_models():
            write_results(models, folder=PROJECT_ROOT, readme=PROJECT_ROOT / "README.md")
    except CodesoftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Finished stages are kept: run again to go on.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
