"""The state folder that our server is measured with: migrated, three trained and approved models, one token.

It is made once, and kept: where it is ready, preparing it again does nothing. The models are trained by the
project's own pipeline and approved by the bootstrap policy, as `make run` does. Each start of a server gets a copy.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from ml_pipeline.environment import PROJECT_ROOT, Environment

BENCHMARK_FOLDER = Environment.read().var / "benchmark"
STATE_FOLDER = BENCHMARK_FOLDER / "state"
DATABASE = "codesoft.sqlite3"
_SERVED = (DATABASE, "bundles", "serving", "secret_key")  # what a web process reads
ACCESS_FILE = "access.json"


def ensure_state(folder: Path) -> None:
    """Prepare `folder` in a process of its own: Django reads its settings once a process."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "VAR_DIR": str(folder),
        "STATIC_ROOT": str(folder / "static"),
        "DJANGO_SETTINGS_MODULE": "codesoft.settings",
        "LOG_LEVEL": "WARNING",
    }
    subprocess.run([sys.executable, "-m", "benchmarks.serving.state"], cwd=PROJECT_ROOT, env=environment, check=True)


def copy_state(state: Path, target: Path) -> None:
    """A fresh copy of what a web process reads: no start finds the log of the one before."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "metrics").mkdir(parents=True)  # gunicorn's configuration makes its own; granian has none
    for name in _SERVED:
        if (source := state / name).is_dir():
            shutil.copytree(source, target / name)
        elif source.exists():
            shutil.copy2(source, target / name)


def wait_until_shipped(state: Path, seconds: float) -> None:
    """Until no logged line waits for the database; RuntimeError where some still do."""
    deadline = time.monotonic() + seconds
    while any(path.stat().st_size for path in _files(state / "spool")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"The prediction log was not shipped within {seconds} s.")
        time.sleep(0.05)


def logged_rows(state: Path) -> int:
    """How many predictions the table holds."""
    with sqlite3.connect(state / DATABASE) as connection:
        return int(connection.execute("SELECT count(*) FROM predictions_prediction").fetchone()[0])


def read_token(state: Path) -> str:
    return str(json.loads((state / ACCESS_FILE).read_bytes())["token"])


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.is_file()]


def main() -> None:
    import django  # noqa: PLC0415 - the settings are in the environment by now

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from codesoft.launch.access import ensure_access  # noqa: PLC0415
    from codesoft.launch.bootstrap import models_without_version, train_first_versions  # noqa: PLC0415
    from predictions.serving import serving_process, stop_serving  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    ensure_access(Environment.read().var / ACCESS_FILE, "http://127.0.0.1")
    train_first_versions(models_without_version())
    process = serving_process()  # once, so that the bundles lie where a web process keeps them
    process.live_models.refresh()
    process.live_models.load_bundles()
    stop_serving()


if __name__ == "__main__":
    main()
