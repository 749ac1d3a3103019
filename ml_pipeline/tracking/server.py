"""Which tracking server is configured. A URI here never holds credentials, so it may be printed anywhere."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ml_pipeline.environment import Environment
from ml_pipeline.tracking.errors import Rejected

DAGSHUB_HOST = "https://dagshub.com"


@dataclass(frozen=True)
class TrackingServer:
    """An MLflow server, or the local SQLite store that is used where none is configured."""

    uri: str
    state: Path
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def configured(cls, environment: Environment | None = None) -> "TrackingServer":
        """By `MLFLOW_TRACKING_URI`, else by `DAGSHUB_REPO` and `DAGSHUB_TOKEN`, else the store under `var/`."""
        env = environment or Environment.read()
        state = env.var / "mlflow"
        if env.mlflow_tracking_uri:
            uri, username, password = without_credentials(env.mlflow_tracking_uri)
            return cls(uri, state, env.mlflow_username or username, env.mlflow_password or password)
        if env.dagshub_repo:
            if not env.dagshub_token:
                raise Rejected("DAGSHUB_REPO is set and DAGSHUB_TOKEN is not.", advice="Set both, or neither.")
            # DagsHub accepts an app token as user name and as password alike.
            return cls(
                dagshub_tracking_uri(env.dagshub_repo, env.dagshub_host), state, env.dagshub_token, env.dagshub_token
            )
        return cls(f"sqlite:///{state / 'mlflow.db'}", state)

    @property
    def is_http(self) -> bool:
        return self.uri.startswith(("http://", "https://"))

    @property
    def artifact_root(self) -> Path | None:
        """Where a local store keeps artefacts; None where the server decides."""
        return None if self.is_http else self.state / "artifacts"

    @property
    def key(self) -> str:
        """A short name for files that remember something about this server."""
        return hashlib.sha256(self.uri.encode()).hexdigest()[:16]

    def page(self, *parts: str | int) -> str | None:
        """The address of a page of the server's own interface; None for a local store, which has none."""
        return f"{self.uri}/#/" + "/".join(quote(str(part), safe="") for part in parts) if self.is_http else None


def dagshub_tracking_uri(repository: str, host: str | None = None) -> str:
    return f"{(host or DAGSHUB_HOST).rstrip('/')}/{repository}.mlflow"


def without_credentials(uri: str) -> tuple[str, str | None, str | None]:
    """`uri` without user and password, and these two, decoded."""
    parts = urlsplit(uri)
    if not parts.scheme.startswith("http") or "@" not in parts.netloc:
        return uri.rstrip("/") if parts.scheme.startswith("http") else uri, None, None
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    return bare, unquote(parts.username or "") or None, unquote(parts.password or "") or None
