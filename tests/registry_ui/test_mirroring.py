"""The mirror on a real tracking store: what is decided here shows there, and what was trained elsewhere comes in."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking.client import connect
from ml_pipeline.tracking.mirror import list_versions, set_stage
from ml_pipeline.tracking.publish import PublishedVersion, publish
from ml_pipeline.tracking.server import TrackingServer
from registry_ui.models import ModelVersion, OutboxEntry
from registry_ui.services.access import Actor
from registry_ui.services.candidates import Published, candidate_import
from registry_ui.services.decisions import champion_roll_back, version_approve
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.mirroring import mirror_all, outbox_mirror
from registry_ui.services.syncing import registry_sync
from tests.registry_ui.candidates import write_candidate
from tests.registry_ui.conftest import generation, live

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store's schema; making it takes seconds."""
    state = tmp_path_factory.mktemp("store")
    connect(TrackingServer(f"sqlite:///{state / 'mlflow.db'}", state))
    return (state / "mlflow.db").read_bytes()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: bytes) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "DAGSHUB_REPO", "DAGSHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("GIT_COMMIT", "0123abc")
    monkeypatch.chdir(tmp_path)
    write_bytes(tmp_path / "var" / "mlflow" / "mlflow.db", empty_store)
    return tmp_path


def published(root: Path, flavour: float) -> PublishedVersion:
    """What a run elsewhere publishes."""
    write_candidate(root, flavour=flavour, champion=live())
    write_bytes(Artifacts("fruit").metrics, readable_json({"accuracy": 0.9}))
    return publish(Artifacts("fruit"))


def imported(root: Path, flavour: float) -> ModelVersion:
    place = published(root, flavour)
    return candidate_import(
        model="fruit",
        root=root,
        actor=Actor.operator("test"),
        published=Published(place.run_id, place.version, place.url or ""),
    ).version


def stands() -> dict[int, tuple[str, tuple[str, ...]]]:
    return {item.version: (item.stage, item.aliases) for item in list_versions("fruit")}


def test_stages_and_aliases_follow_decisions_and_are_put_right_when_moved_by_hand(store: Path) -> None:
    imported(store, 1.0)
    second = imported(store, 2.0)
    assert outbox_mirror() == 1
    assert stands() == {1: ("Production", ("champion",)), 2: ("Staging", ("challenger",))}

    actor = Actor.operator("another")
    version_approve(model="fruit", number=second.number, actor=actor, reason="good", expected_generation=1)
    outbox_mirror()
    assert stands() == {1: ("Archived", ()), 2: ("Production", ("champion",))}

    set_stage("fruit", 1, "Production")
    mirror_all()
    outbox_mirror()
    assert stands()[1] == ("Archived", ())
    assert live() == second

    champion_roll_back(model="fruit", actor=actor, reason="worse", expected_generation=2)
    outbox_mirror()
    assert stands() == {1: ("Production", ("champion",)), 2: ("Archived", ())}
    assert not OutboxEntry.objects.filter(done_at=None).exists()


def test_a_server_that_is_away_delays_the_mirror_and_loses_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(store, 1.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert outbox_mirror() == 0
    waiting = OutboxEntry.objects.filter(done_at=None)
    assert {entry.attempts for entry in waiting} == {1}
    assert all(entry.last_error and entry.next_try_at > timezone.now() for entry in waiting)
    assert outbox_mirror() == 0  # not due yet

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    waiting.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert outbox_mirror() == 1
    assert stands() == {1: ("Production", ("champion",))}


def test_a_version_trained_elsewhere_comes_in_once_and_waits_for_a_person(store: Path) -> None:
    deployment_ensure(model="fruit")
    place = published(store, 1.0)

    assert registry_sync() == 1
    assert registry_sync() == 0
    version = ModelVersion.objects.get()
    assert (version.run_id, version.tracking_version, version.status) == (place.run_id, place.version, "waiting")
    assert (live(), generation()) == (None, 0)
    assert version.recommendation["verdict"] == "first"

    version_approve(
        model="fruit", number=version.number, actor=Actor.operator("test"), reason="good", expected_generation=0
    )
    assert live() == version
