"""A registry with people in it, and an importer of candidates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import Settings

from ml_pipeline.canonical import write_bytes
from ml_pipeline.tracking.client import connect
from ml_pipeline.tracking.server import TrackingServer
from predictions.models import Deployment
from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get
from registry_ui.services.access import APPROVERS, REQUESTERS, Actor
from registry_ui.services.candidates import Imported, candidate_import
from tests.registry_ui.candidates import write_candidate

Import = Callable[..., Imported]


@pytest.fixture(autouse=True)
def bundle_folder(settings: Settings, tmp_path: Path) -> Path:
    """A bundle store of this test's own."""
    folder = tmp_path / "bundles"
    settings.STORAGES = {
        **settings.STORAGES,
        "bundles": {**settings.STORAGES["bundles"], "OPTIONS": {"location": folder}},
    }
    settings.WORKSPACES_DIR = tmp_path / "workspaces"
    return folder


@pytest.fixture(scope="session")
def mlflow_schema(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A tracking store with MLflow's schema and nothing in it; making it takes seconds."""
    state = tmp_path_factory.mktemp("store")
    connect(TrackingServer(f"sqlite:///{state / 'mlflow.db'}", state))
    return (state / "mlflow.db").read_bytes()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_schema: bytes) -> Path:
    """The folder of a project whose tracking store is real, local and empty."""
    for name in ("MLFLOW_TRACKING_URI", "DAGSHUB_REPO", "DAGSHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("GIT_COMMIT", "0123abc")
    monkeypatch.chdir(tmp_path)
    write_bytes(tmp_path / "var" / "mlflow" / "mlflow.db", mlflow_schema)
    return tmp_path


@pytest.fixture
def approver(db: None) -> Actor:
    return Actor.person(member("olga", APPROVERS))


@pytest.fixture
def requester(db: None) -> Actor:
    return Actor.person(member("rui", REQUESTERS))


def member(name: str, *groups: str) -> User:
    user = User.objects.create_user(name, password="a long enough password", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


@pytest.fixture
def import_one(tmp_path: Path) -> Import:
    """Import a candidate that was compared with the champion of now, unless another `champion` is named."""

    def imported(**what: Any) -> Imported:
        root = tmp_path / "candidate"
        model = what.get("model", "fruit")
        champion = what.pop("champion", champion_get(model=model))
        elsewhere = what.pop("elsewhere", False)
        actor = what.pop("actor", Actor.operator("test"))
        write_candidate(root, champion=champion, **what)
        return candidate_import(model=model, root=root, actor=actor, elsewhere=elsewhere, published=None)

    return imported


def generation(model: str = "fruit") -> int:
    return Deployment.objects.get(model=model).generation


def live(model: str = "fruit") -> ModelVersion | None:
    return champion_get(model=model)


def refusals(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Who was refused, and why, as the structured log tells it."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [(line["actor"], line["code"]) for line in lines if line["event"] == "refused"]
