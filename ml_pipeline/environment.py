"""The one module that reads the pipeline's environment variables. Nothing here has a secret default."""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Environment:
    """Where state lives and which servers are configured; None where nothing is."""

    var: Path
    mongodb_uri: str | None
    mongodb_database: str
    mlflow_tracking_uri: str | None
    dagshub_repo: str | None
    dagshub_token: str | None
    git_commit: str | None

    @classmethod
    def read(cls) -> "Environment":
        return cls(
            var=Path(os.environ.get("VAR_DIR") or PROJECT_ROOT / "var").resolve(),
            mongodb_uri=os.environ.get("MONGODB_URI") or None,
            mongodb_database=os.environ.get("MONGODB_DATABASE") or "codesoft",
            mlflow_tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or None,
            dagshub_repo=os.environ.get("DAGSHUB_REPO") or None,
            dagshub_token=os.environ.get("DAGSHUB_TOKEN") or None,
            git_commit=os.environ.get("GIT_COMMIT") or None,
        )
