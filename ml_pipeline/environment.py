"""The one module that reads the pipeline's environment variables. Nothing here has a secret default."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
STORED_SETTINGS = "dagshub.env"  # under var/, written by `manage.py connect_dagshub`


@dataclass(frozen=True)
class Environment:
    """Where state lives and which servers are configured; None where nothing is."""

    var: Path
    mongodb_uri: str | None = field(repr=False)
    mongodb_database: str | None
    mlflow_tracking_uri: str | None
    dagshub_repo: str | None
    dagshub_token: str | None = field(repr=False)
    git_commit: str | None
    dagshub_host: str | None = None
    mlflow_username: str | None = None
    mlflow_password: str | None = field(default=None, repr=False)
    trigger: str = "developer"
    pipeline_run: str | None = None
    dvc_remote_url: str | None = None
    dvc_remote_endpoint: str | None = None

    @classmethod
    def read(cls) -> "Environment":
        var = Path(os.environ.get("VAR_DIR") or PROJECT_ROOT / "var").resolve()
        dagshub = _dagshub_settings(var)
        return cls(
            var=var,
            mongodb_uri=os.environ.get("MONGODB_URI") or None,
            mongodb_database=os.environ.get("MONGODB_DATABASE") or None,
            mlflow_tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or None,
            dagshub_repo=dagshub.get("DAGSHUB_REPO") or None,
            dagshub_token=dagshub.get("DAGSHUB_TOKEN") or None,
            git_commit=os.environ.get("GIT_COMMIT") or None,
            dagshub_host=dagshub.get("DAGSHUB_HOST") or None,
            mlflow_username=os.environ.get("MLFLOW_TRACKING_USERNAME") or None,
            mlflow_password=os.environ.get("MLFLOW_TRACKING_PASSWORD") or None,
            trigger=os.environ.get("CODESOFT_TRIGGER") or "developer",
            pipeline_run=os.environ.get("CODESOFT_PIPELINE_RUN") or None,
            dvc_remote_url=os.environ.get("DVC_REMOTE_URL") or None,
            dvc_remote_endpoint=os.environ.get("DVC_REMOTE_ENDPOINT") or None,
        )


def _dagshub_settings(var: Path) -> Mapping[str, str]:
    """The environment's where it names a tracking server, else what was stored: one source, never a mixture."""
    if os.environ.get("DAGSHUB_REPO") or os.environ.get("MLFLOW_TRACKING_URI"):
        return os.environ
    try:
        lines = (var / STORED_SETTINGS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)
