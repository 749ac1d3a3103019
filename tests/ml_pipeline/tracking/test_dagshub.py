"""Against a local server that answers the few calls: the repository by bearer token, MLflow by basic auth."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ml_pipeline.environment import Environment
from ml_pipeline.errors import TrackingUnavailable
from ml_pipeline.tracking.dagshub import connect_repository
from ml_pipeline.tracking.server import TrackingServer
from tests.ml_pipeline.tracking.servers import serving
from tests.processes import free_port

TOKEN = "an-app-token"
USER = {"id": 1, "login": "ada", "full_name": "Ada", "username": "ada"}
REPOSITORY = {
    **dict.fromkeys(("description", "html_url", "clone_url", "created_at", "updated_at"), "x"),
    **dict.fromkeys(("private", "fork", "empty", "mirror"), False),
    **dict.fromkeys(("id", "size", "stars_count", "forks_count", "watchers_count", "open_issues_count"), 1),
    "owner": USER,
    "name": "spam",
    "full_name": "Ada/spam",
    "default_branch": "main",
}


class Dagshub(BaseHTTPRequestHandler):
    """DagsHub as it was reported: experiments, a registry that reads and does not register, no logged models."""

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        basic = "Basic " + base64.b64encode(f"{TOKEN}:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") not in (f"Bearer {TOKEN}", basic):
            self._answer(401, {"message": "unauthorized"})
        elif self.path == "/api/v1/repos/ada/spam":
            self._answer(200, REPOSITORY)
        elif self.path.startswith("/Ada/spam.mlflow/api/2.0/mlflow/experiments/search"):
            self._answer(200, {"experiments": []})
        elif self.path.startswith("/Ada/spam.mlflow/api/2.0/mlflow/registered-models/search"):
            self._answer(200, {})
        else:
            self._answer(404, {"detail": "Not Found"})

    do_GET = do_POST = _respond  # noqa: N815

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def dagshub() -> Iterator[str]:
    with serving(Dagshub) as address:
        yield address


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    return tmp_path


def test_connecting_checks_stores_with_mode_600_and_later_processes_track_there(dagshub: str, var: Path) -> None:
    settings, abilities, path = connect_repository(repository="ada/spam", token=TOKEN, host=dagshub, var=var)
    assert settings.tracking_uri == f"{dagshub}/Ada/spam.mlflow"
    assert (abilities.registry, abilities.logged_models) == (False, False)
    assert path.stat().st_mode & 0o777 == 0o600
    server = TrackingServer.configured()
    assert (server.uri, server.username, server.password) == (settings.tracking_uri, TOKEN, TOKEN)
    assert TOKEN not in repr(Environment.read())


def test_a_configured_server_goes_before_the_stored_one(
    dagshub: str, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_repository(repository="ada/spam", token=TOKEN, host=dagshub, var=var)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.internal:5000")
    server = TrackingServer.configured()
    assert (server.uri, server.username, server.password) == ("http://mlflow.internal:5000", None, None)


def test_repository_and_token_alone_configure_the_tracking_server(monkeypatch: pytest.MonkeyPatch, var: Path) -> None:
    monkeypatch.setenv("DAGSHUB_REPO", "ada/spam")
    monkeypatch.setenv("DAGSHUB_TOKEN", TOKEN)
    server = TrackingServer.configured()
    assert (server.uri, server.username) == ("https://dagshub.com/ada/spam.mlflow", TOKEN)
    assert TOKEN not in server.uri


def test_a_repository_without_a_token_is_an_error_and_not_a_silent_local_store(
    monkeypatch: pytest.MonkeyPatch, var: Path
) -> None:
    monkeypatch.setenv("DAGSHUB_REPO", "ada/spam")
    with pytest.raises(TrackingUnavailable, match="DAGSHUB_TOKEN is not"):
        TrackingServer.configured()


@pytest.mark.parametrize(
    ("repository", "token", "words"),
    [
        ("ada/unknown", TOKEN, "no repository ada/unknown"),
        ("ada/spam", "another", "refused"),
        ("spam", TOKEN, "OWNER/REPO"),
        ("ada/spam", "", "app token"),
    ],
)
def test_what_cannot_be_checked_is_refused_and_nothing_is_stored(
    dagshub: str, var: Path, repository: str, token: str, words: str
) -> None:
    with pytest.raises(TrackingUnavailable, match=words):
        connect_repository(repository=repository, token=token, host=dagshub, var=var)
    assert not (var / "dagshub.env").exists()


def test_a_host_that_does_not_answer_is_an_error(var: Path) -> None:
    with pytest.raises(TrackingUnavailable, match="did not answer"):
        connect_repository(repository="ada/spam", token=TOKEN, host=f"http://127.0.0.1:{free_port()}", var=var)


def test_the_command_prints_settings_and_abilities_and_never_the_token(
    dagshub: str, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSHUB_TOKEN", TOKEN)
    out = StringIO()
    call_command("connect_dagshub", "ada/spam", "--host", dagshub, stdout=out)
    shown = out.getvalue()
    assert f"MLFLOW_TRACKING_URI: {dagshub}/Ada/spam.mlflow" in shown
    assert f"dvc remote add --local --force --default dagshub {dagshub}/Ada/spam.dvc" in shown
    assert "no model registry" in shown
    assert TOKEN not in shown


def test_the_command_fails_with_the_reason(dagshub: str, var: Path) -> None:
    with pytest.raises(CommandError, match="refused"):
        call_command("connect_dagshub", "ada/spam", "--token", "wrong", "--host", dagshub)
