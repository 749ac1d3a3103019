"""The one module that imports mlflow: a connection with bounded waiting, and its errors as ours.

The import costs seconds, so it happens at the first `connect`, never at the import of this module.
"""

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ml_pipeline.errors import TrackingUnavailable
from ml_pipeline.tracking.errors import MissingEndpoint, NotTracked, Rejected
from ml_pipeline.tracking.locking import file_lock
from ml_pipeline.tracking.server import TrackingServer

# MLflow's defaults (7 retries, 120 s each) block a caller for minutes when a server hangs: here it is under 30 s.
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "12",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_ABSENT = re.compile(r"error code (404|405|501)\b")
_REFUSED = re.compile(r"error code (401|403)\b")
_BARE_ANSWERS = ("Not Found", "Method Not Allowed")
_ITEMS_A_CALL, _VALUE_LENGTH = 100, 500  # what also servers of 2022 take


class Connection:
    """An MLflow client for one server. Use `client` inside `translated()` alone."""

    def __init__(self, server: TrackingServer, client: Any) -> None:
        self.server = server
        self.client = client

    @contextmanager
    def translated(self) -> Iterator[Any]:
        """Yield the client; what it raises becomes TrackingUnavailable, MissingEndpoint, NotTracked or Rejected."""
        import requests  # noqa: PLC0415
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        with _credentials(self.server), warnings.catch_warnings():
            # Stages are mirrored on purpose beside aliases: the deprecation is known and no news to whoever runs this.
            warnings.simplefilter("ignore", FutureWarning)
            try:
                yield self.client
            except MlflowException as error:
                raise self._translation(error) from error
            except (requests.RequestException, OSError) as error:
                raise self._unreachable(error) from error

    def log(self, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float], moment: int) -> None:
        """Params and metrics at `moment` (ms). Logging the same again changes nothing."""
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        values = [Param(_name(key), str(value)[:_VALUE_LENGTH]) for key, value in params.items()]
        points = [Metric(_name(key), float(value), moment, 0) for key, value in metrics.items()]
        with self.translated() as client:
            for start in range(0, max(len(values), len(points)), _ITEMS_A_CALL):
                batch = slice(start, start + _ITEMS_A_CALL)
                client.log_batch(run_id, metrics=points[batch], params=values[batch])

    def list_files(self, uri: str) -> list[str]:
        """Names of the files in an artefact folder. `MlflowClient.list_artifacts` asks for logged models beside."""
        from mlflow.artifacts import list_artifacts  # noqa: PLC0415

        with self.translated():
            found = list_artifacts(artifact_uri=uri, tracking_uri=self.server.uri)
            return [entry.path.rpartition("/")[2] for entry in found if not entry.is_dir]

    def download_file(self, uri: str, folder: Path) -> Path:
        """One artefact file, into `folder`."""
        from mlflow.artifacts import download_artifacts  # noqa: PLC0415

        with self.translated():
            return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self.server.uri))

    def offers(self, method: str, path: str, **content: Any) -> bool:
        """Whether the server knows `/api/2.0/mlflow/<path>`, by one request as it is.

        The client's own methods make further calls and check on their side, so they cannot tell.
        """
        from mlflow.utils.credentials import get_default_host_creds  # noqa: PLC0415
        from mlflow.utils.rest_utils import http_request, verify_rest_response  # noqa: PLC0415

        endpoint = f"/api/2.0/mlflow/{path}"
        try:
            with self.translated():
                sent = {"params": content} if method == "GET" else {"json": content}
                answer = http_request(get_default_host_creds(self.server.uri), endpoint, method, **sent)
                verify_rest_response(answer, endpoint)
        except MissingEndpoint:
            return False
        except (NotTracked, Rejected):
            return True
        return True

    def _translation(self, error: Any) -> TrackingUnavailable:
        text, code = str(error), getattr(error, "error_code", "")
        if code in ("ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED") or _ABSENT.search(text) or _is_bare_404(error):
            return MissingEndpoint(f"{self.server.uri} does not offer this call: {_short(text)}")
        if code == "RESOURCE_DOES_NOT_EXIST":
            return NotTracked(_short(text))
        if code in ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED") or _REFUSED.search(text):
            return Rejected(
                f"The tracking server {self.server.uri} refused the credentials.",
                advice="Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or DAGSHUB_TOKEN, and that this "
                "host name is among the server's allowed hosts.",
                details={"server": self.server.uri},
            )
        if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS"):
            return Rejected(f"The tracking server {self.server.uri} declined: {_short(text)}")
        return self._unreachable(error)

    def _unreachable(self, error: Exception) -> TrackingUnavailable:
        return TrackingUnavailable(
            f"The tracking server {self.server.uri} did not do what was asked: {_short(str(error))}",
            advice="Check that it is running and can be reached from here (MLFLOW_TRACKING_URI), then try again.",
            details={"server": self.server.uri},
        )


@cache
def connect(server: TrackingServer) -> Connection:
    """A connection to `server`; a local store gets its schema here, once, whoever comes first."""
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    if server.is_http:
        return Connection(server, MlflowClient(tracking_uri=server.uri, registry_uri=server.uri))
    with file_lock(server.state / "schema.lock"):
        try:
            return Connection(server, MlflowClient(tracking_uri=server.uri, registry_uri=server.uri))
        except MlflowException as error:
            raise TrackingUnavailable(f"The local MLflow store cannot be opened: {_short(str(error))}") from error


@contextmanager
def _credentials(server: TrackingServer) -> Iterator[None]:
    """MLflow reads credentials from the environment at each request: lend it this server's, and no other's."""
    lent = {"MLFLOW_TRACKING_USERNAME": server.username, "MLFLOW_TRACKING_PASSWORD": server.password}
    before = {name: os.environ.get(name) for name in lent}
    _set_environment(lent)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _is_bare_404(error: Any) -> bool:
    """ASGI frameworks answer an unknown route with `{"detail": "Not Found"}`, which carries no MLflow error code."""
    answer = getattr(error, "json", None)
    return isinstance(answer, dict) and "error_code" not in answer and answer.get("detail") in _BARE_ANSWERS


def _name(key: str) -> str:
    """MLflow's alphabet for names of params and metrics."""
    return re.sub(r"[^\w\-. /]", "_", key)[:250]


def _short(text: str) -> str:
    line = " ".join(re.sub(r"//[^/@\s]+@", "//", text).split())
    return line if len(line) <= 300 else line[:297] + "..."
