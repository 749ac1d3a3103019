"""The one module that starts `dvc`.

`python -m ml_pipeline.running.repro [MODEL …]`, which `make pipeline` calls, reproduces the declared models in the current
folder, publishes them, and writes the README's table of results when it was all of them. `ml_pipeline.running.job` does
the same in a workspace.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.environment import PROJECT_ROOT, Environment
from ml_pipeline.errors import CodesoftError, RunFailed
from ml_pipeline.params import declared_models, load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.results_table import write_results
from ml_pipeline.running.guarded import run_guarded

_TAIL_LINES = 40


def pipeline_environment() -> dict[str, str]:
    """The variables of `dvc` and its stages: this interpreter first, no telemetry, one thread for equal bytes."""
    var = Environment.read().var
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "VAR_DIR": str(var),
        "DVC_SITE_CACHE_DIR": str(var / "dvc" / "site"),
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def reproduce(
    models: Sequence[str],
    *,
    folder: Path,
    on_line: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
    pull: bool = False,
) -> None:
    """`dvc repro` for all stages of `models` in `folder`; RunFailed carries the last lines of its output.

    With `pull`, what an unchanged stage made is fetched from the remote instead of computed again.
    """
    for model in models:
        load_spec(model, folder / "params.yaml")
        _ensure_baseline(folder / Artifacts(model).baseline)
    targets = [f"registration@{model}" for model in models]
    run_dvc("repro", *(["--pull"] if pull else []), *targets, folder=folder, on_line=on_line, should_stop=should_stop)


def run_dvc(
    *arguments: str, folder: Path, on_line: Callable[[str], None], should_stop: Callable[[], bool] = lambda: False
) -> None:
    """One `dvc` command in `folder`; RunFailed with its last lines unless it succeeds."""
    run_step([sys.executable, "-m", "dvc", *arguments], folder=folder, on_line=on_line, should_stop=should_stop)


def run_step(
    command: Sequence[str],
    *,
    folder: Path,
    on_line: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Run one guarded command; RunFailed with its last lines unless it ends with status 0."""
    tail: list[str] = []

    def remember(line: str) -> None:
        tail.append(line)
        del tail[:-_TAIL_LINES]
        on_line(line)

    status = run_guarded(command, cwd=folder, env=pipeline_environment(), on_line=remember, should_stop=should_stop)
    if status != 0:
        name = " ".join(command[1:4])
        raise RunFailed(f"`{name}` ended with status {status}.", details={"status": status, "lines": tail})


def _ensure_baseline(path: Path) -> None:
    """A model that never had a champion is compared with none."""
    if not path.exists():
        write_bytes(path, readable_json({"champion": None}))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Reproduce models through the pipeline and publish them to MLflow.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all declared models if none is named")
    models = parser.parse_args(arguments).models or declared_models()
    try:
        reproduce(models, folder=PROJECT_ROOT, on_line=print)
        publish = [sys.executable, "-m", "ml_pipeline.tracking.publish", *models]
        run_step(publish, folder=PROJECT_ROOT, on_line=print)
        if models == declared_models():
            write_results(models, folder=PROJECT_ROOT, readme=PROJECT_ROOT / "README.md")
    except CodesoftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
