"""The state folder that our server is measured with: migrated, three trained and approved models, one token.

It is made once, and kept: where it is ready, preparing it again does nothing. The models are trained by the
project's own pipeline and approved by the bootstrap policy, as `make run` does.
"""

import os
import subprocess
import sys
from pathlib import Path

from ml_pipeline.environment import PROJECT_ROOT, Environment

BENCHMARK_FOLDER = Environment.read().var / "benchmark"
STATE_FOLDER = BENCHMARK_FOLDER / "state"
ACCESS_FILE = "access.json"
SETTINGS = "codesoft.settings"


def ensure_state(folder: Path) -> None:
    """Prepare `folder` in a process of its own: Django reads its settings once a process."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": SETTINGS, "LOG_LEVEL": "WARNING"}
    subprocess.run([sys.executable, "-m", "benchmarks.serving.state"], cwd=PROJECT_ROOT, env=environment, check=True)


def main() -> None:
    import django  # noqa: PLC0415 - the settings are in the environment by now

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from codesoft.launch.access import ensure_access  # noqa: PLC0415
    from codesoft.launch.bootstrap import models_without_version, train_first_versions  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    ensure_access(Environment.read().var / ACCESS_FILE, "http://127.0.0.1")
    train_first_versions(models_without_version())


if __name__ == "__main__":
    main()
