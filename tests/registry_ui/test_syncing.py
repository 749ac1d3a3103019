"""The sync on a real tracking store: what was trained elsewhere comes in, and what somebody changed there is shown."""

from pathlib import Path

import pytest

from ml_pipeline.canonical import canonical_json, sha256_hex, write_bytes
from ml_pipeline.errors import TrackingUnavailable
from ml_pipeline.tracking.client import connect
from ml_pipeline.tracking.mirror import list_versions, set_alias, set_stage
from ml_pipeline.tracking.registry import registered_name
from ml_pipeline.tracking.server import TrackingServer
from registry_ui.models import BackgroundTask, ForeignChange, MirrorState, ModelVersion, OutboxEntry, Trigger
from registry_ui.services import syncing
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.decisions import version_approve
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.mirroring import outbox_mirror
from registry_ui.services.runs import run_cancel, run_request
from registry_ui.services.sync_requests import sync_request
from registry_ui.services.syncing import Synced, registry_sync
from tests.registry_ui.conftest import generation, live
from tests.registry_ui.tracked import ACTOR, imported, published, stands

pytestmark = pytest.mark.django_db


@pytest.fixture
def mirrored(store: Path) -> Path:
    """Version 1 is live, version 2 waits, and the server says so."""
    imported(store, 1.0)
    imported(store, 2.0)
    outbox_mirror()
    return store


def changes() -> list[tuple[str, str, str, str]]:
    """Oldest first: item, what it is here, what it is there, state."""
    rows = ForeignChange.objects.order_by("id")
    return [(row.key, row.ours, row.theirs, row.state) for row in rows]


def sync_and_mirror() -> None:
    registry_sync()
    OutboxEntry.objects.filter(done_at=None).update(next_try_at="2000-01-01T00:00Z")
    outbox_mirror()


def test_a_version_trained_elsewhere_comes_in_once_and_waits_for_a_person(store: Path) -> None:
    deployment_ensure(model="fruit")
    place = published(store, 1.0)

    assert registry_sync().imported == 1
    outbox_mirror()
    assert registry_sync() == Synced()
    version = ModelVersion.objects.get()
    assert (version.run_id, version.tracking_version, version.status) == (place.run_id, place.version, "waiting")
    assert (live(), generation()) == (None, 0)
    assert version.recommendation["verdict"] == "first"

    version_approve(model="fruit", number=version.number, actor=ACTOR, reason="good", expected_generation=0)
    assert live() == version


@pytest.mark.parametrize("way", ["by a run of ours", "from elsewhere"])
def test_a_version_knows_where_it_comes_from(store: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("CODESOFT_TRIGGER", "ci by rui")
    (store / "dvc.lock").write_text("schema: '2.0'\nstages:\n  evaluation@fruit:\n    cmd: evaluate\n")
    deployment_ensure(model="fruit")
    if way == "from elsewhere":
        published(store, 1.0)
        registry_sync()
    else:
        imported(store, 1.0)

    version = ModelVersion.objects.get()
    assert version.lineage == {
        "bundle_hash": version.bundle_hash,
        "data_hash": version.data_hash,
        "spec_hash": sha256_hex(canonical_json(version.spec)),
        "git_commit": "0123abc",
        "dvc_lock_hash": version.lineage["dvc_lock_hash"],
        "started_by": "ci by rui",
        "pipeline_run": None,
    }
    assert len(version.lineage["dvc_lock_hash"]) == 64
    assert version.tags["codesoft.bundle_hash"] == version.bundle_hash


def test_tags_and_parameters_are_those_of_the_server_and_lineage_is_learned_later(mirrored: Path) -> None:
    version = ModelVersion.objects.get(number=2)
    ModelVersion.objects.filter(pk=version.pk).update(lineage={"bundle_hash": version.bundle_hash}, parameters={})
    server = connect(TrackingServer.configured())
    with server.translated() as client:
        client.log_param(version.run_id, "estimator.family", "logistic_regression")
        client.set_model_version_tag(registered_name("fruit"), "2", "reviewed", "yes")

    registry_sync()

    version.refresh_from_db()
    assert version.tags["reviewed"] == "yes"
    assert version.parameters == {"estimator.family": "logistic_regression"}
    assert version.lineage["git_commit"] == "0123abc"


def test_a_candidate_that_is_registered_there_twice_comes_in_once(mirrored: Path) -> None:
    first = ModelVersion.objects.get(number=1)
    with connect(TrackingServer.configured()).translated() as client:
        client.create_model_version(registered_name("fruit"), source="file:///x", run_id=first.run_id)

    assert [registry_sync().imported for _ in range(2)] == [0, 0]
    first.refresh_from_db()
    assert first.tracking_version == 1


def test_what_an_attempt_of_ours_left_there_is_tagged_and_never_a_candidate_until_a_run_gives_it_again(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_ensure(model="fruit")
    run = run_request(model="fruit", actor=ACTOR, trigger=Trigger.COMMAND)
    monkeypatch.setenv("CODESOFT_PIPELINE_RUN", f"{run.pk}/1")
    published(store, 1.0)
    run_cancel(model="fruit", run_id=run.pk, actor=ACTOR)

    assert registry_sync() == Synced()
    assert list_versions("fruit")[0].tags["codesoft.orphaned"] == "true"
    assert registry_sync(again=True) == Synced()
    assert not ModelVersion.objects.exists()

    monkeypatch.setenv("CODESOFT_PIPELINE_RUN", "1b671a64-40d5-491e-99b0-da01ff1f3341/1")  # of another installation
    published(store, 1.0)
    assert list_versions("fruit")[0].tags["codesoft.orphaned"] == "false"
    assert registry_sync().imported == 1


def test_a_version_whose_run_ends_while_the_server_is_read_is_no_orphan(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment_ensure(model="fruit")
    run = run_request(model="fruit", actor=ACTOR, trigger=Trigger.COMMAND)
    monkeypatch.setenv("CODESOFT_PIPELINE_RUN", f"{run.pk}/1")
    known = syncing._known

    def known_before_the_import(models: list[str]) -> dict[str, list[ModelVersion]]:
        found = known(models)
        imported(store, 1.0)
        run_cancel(model="fruit", run_id=run.pk, actor=ACTOR)  # it is active no more
        return found

    place = published(store, 1.0)
    monkeypatch.setattr(syncing, "_known", known_before_the_import)
    registry_sync()
    assert live() == ModelVersion.objects.get(run_id=place.run_id)
    assert [item.tags.get("codesoft.orphaned") for item in list_versions("fruit")] != ["true"]


def test_each_version_that_comes_in_is_told_so_that_a_long_sync_keeps_its_lease(store: Path) -> None:
    deployment_ensure(model="fruit")
    for flavour in (1.0, 2.0):
        published(store, flavour)
    said: list[str] = []
    registry_sync(tell=lambda _done, _total, step: said.append(step))
    assert said[-2:] == ["fruit, version 1", "fruit, version 2"]


def test_what_cannot_be_taken_in_stops_nothing_and_the_state_says_why(mirrored: Path) -> None:
    with connect(TrackingServer.configured()).translated() as client:
        run = client.create_run("0")
        client.create_model_version(registered_name("fruit"), source="file:///x", run_id=run.info.run_id)
    published(mirrored, 3.0)

    assert registry_sync().imported == 1
    refused = MirrorState.objects.get().refused
    assert [one["version"] for one in refused.values()] == [3]


def test_what_was_moved_by_hand_is_shown_and_left_alone_while_the_rest_is_written(mirrored: Path) -> None:
    set_alias("fruit", "champion", 2)

    sync_and_mirror()
    sync_and_mirror()

    assert changes() == [("alias:champion", "1", "2", "open")]
    assert (live().number, generation()) == (1, 1)  # type: ignore[union-attr]
    imported(mirrored, 3.0)
    outbox_mirror()
    assert stands() == {
        1: ("Production", ()),
        2: ("Staging", ("champion",)),
        3: ("Staging", ("challenger",)),
    }


def test_what_was_moved_by_hand_and_back_is_gone(mirrored: Path) -> None:
    for stage in ("Archived", "Production", "Staging"):
        set_stage("fruit", 2, stage)
        sync_and_mirror()

    assert changes() == [("stage:2", "Staging", "Archived", "gone"), ("stage:2", "Staging", "Production", "gone")]


def test_a_later_decision_supersedes_what_was_moved_by_hand(mirrored: Path) -> None:
    set_alias("fruit", "champion", None)
    registry_sync()
    set_stage("fruit", 1, "Staging")  # not even seen before the decision

    version_approve(model="fruit", number=2, actor=ACTOR, reason="good", expected_generation=1)
    outbox_mirror()

    assert changes() == [
        ("alias:champion", "1", "", "superseded"),
        ("stage:1", "Archived", "Staging", "superseded"),
    ]
    assert stands() == {1: ("Archived", ()), 2: ("Production", ("champion",))}


def test_an_empty_server_in_its_place_is_no_change_of_anybody_and_is_filled_again(
    mirrored: Path, monkeypatch: pytest.MonkeyPatch, mlflow_schema: bytes
) -> None:
    monkeypatch.setenv("VAR_DIR", str(mirrored / "other"))
    write_bytes(mirrored / "other" / "mlflow" / "mlflow.db", mlflow_schema)

    sync_and_mirror()
    assert (changes(), MirrorState.objects.get().missing) == ([], [1, 2])
    assert live().number == 1  # type: ignore[union-attr]

    again = published(mirrored, 2.0)
    assert again.version == 1
    sync_and_mirror()
    sync_and_mirror()
    assert (changes(), MirrorState.objects.get().missing) == ([], [1])
    assert stands() == {1: ("Staging", ("challenger",))}


def test_a_server_that_is_away_is_noted_with_every_model_and_forgotten_when_it_is_back(
    mirrored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    task = sync_request(actor=ACTOR)
    task_execute(task_id=task.pk, kinds=KINDS)
    with pytest.raises(TrackingUnavailable):
        registry_sync()
    task.refresh_from_db()
    assert (task.state, "127.0.0.1:9" in task.error) == ("failed", True)
    assert "127.0.0.1:9" in MirrorState.objects.get().error

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    task = sync_request(actor=ACTOR, model="fruit")
    task_execute(task_id=task.pk, kinds=KINDS)
    task.refresh_from_db()
    assert (task.state, task.result) == (BackgroundTask.State.SUCCEEDED, {"imported": 0, "mirrored": 0})
    assert MirrorState.objects.get().error == ""


def test_a_reading_from_before_our_own_write_accuses_nobody(mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from registry_ui.services import syncing

    read = syncing._read

    def slow(models: list[str]) -> object:
        old = read(models)
        version_approve(model="fruit", number=2, actor=ACTOR, reason="good", expected_generation=1)
        outbox_mirror()
        return old

    monkeypatch.setattr(syncing, "_read", slow)
    registry_sync()

    assert changes() == []
    assert stands() == {1: ("Archived", ()), 2: ("Production", ("champion",))}
