from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_pipeline.tracking.client import connect
from ml_pipeline.tracking.server import TrackingServer
from tests.ml_pipeline.tracking.servers import PASSWORD, USERNAME, running_mlflow


@pytest.fixture(autouse=True)
def no_configured_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DAGSHUB_REPO", "DAGSHUB_TOKEN", "DAGSHUB_HOST", "GIT_COMMIT", "CODESOFT_TRIGGER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with MLflow's schema and nothing in it. Its migration takes seconds, so it happens once."""
    state = tmp_path_factory.mktemp("empty-store")
    connect(TrackingServer(f"sqlite:///{state / 'mlflow.db'}", state))
    return state / "mlflow.db"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: Path) -> Path:
    """A project folder of one's own: the current one, with its own state and a fresh local store."""
    (tmp_path / "var" / "mlflow").mkdir(parents=True)
    (tmp_path / "var" / "mlflow" / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("GIT_COMMIT", "0123abc")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[str]:
    """The address of a real MLflow server with basic auth."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    database = folder / "mlflow.db"
    database.write_bytes(empty_store.read_bytes())
    with running_mlflow(folder, database) as address:
        yield address


@pytest.fixture
def authenticated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USERNAME)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
