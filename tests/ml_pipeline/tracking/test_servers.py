"""Publishing and mirroring on real servers: today's with basic auth, older ones, and one that hangs."""

import time
from pathlib import Path

import pytest

from ml_pipeline.errors import TrackingUnavailable
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking.abilities import ServerAbilities, remembered_abilities
from ml_pipeline.tracking.errors import NotTracked
from ml_pipeline.tracking.mirror import (
    download_bundle,
    list_all_versions,
    list_versions,
    server_abilities,
    set_alias,
    set_stage,
)
from ml_pipeline.tracking.publish import PublishedVersion, publish
from ml_pipeline.tracking.server import TrackingServer
from tests.ml_pipeline.tracking.evaluated import MODEL, small_bundle, write_evaluation
from tests.ml_pipeline.tracking.servers import PASSWORD, USERNAME, hanging_server, running_old_server

ARTIFACTS = Artifacts(MODEL)
NEW_SINCE_2022 = ("/alias", "/logged-models", "/webhooks")
REGISTRY = ("/registered-models", "/model-versions", "/logged-models")


def publish_own(workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch, **evaluation: str) -> PublishedVersion:
    """Publish an evaluation that no other test published: tests share the server."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    write_evaluation(workspace, data_hash=evaluation.get("data_hash", f"{workspace}"))
    return publish(ARTIFACTS)


def stages_and_aliases(version: int) -> tuple[str, tuple[str, ...]]:
    item = next(item for item in list_versions(MODEL) if item.version == version)
    return item.stage, item.aliases


def exercise_mirror(version: int) -> None:
    """Stage and alias set, moved, and removed; one reading of all models finds what one of each finds."""
    set_stage(MODEL, version, "Production")
    set_alias(MODEL, "champion", version)
    set_alias(MODEL, "canary", None)
    assert list_all_versions([MODEL, "never-registered"]) == {MODEL: list_versions(MODEL), "never-registered": []}
    assert stages_and_aliases(version) == ("Production", ("champion",))
    set_stage(MODEL, version, "Archived")
    set_alias(MODEL, "champion", None)
    set_alias(MODEL, "champion", None)
    assert stages_and_aliases(version) == ("Archived", ())


def test_a_real_server_with_credentials_gets_the_version_once_and_its_page_is_named(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish_own(workspace, mlflow_server, monkeypatch)
    assert publish(ARTIFACTS) == published
    assert published.tracking_uri == mlflow_server
    assert published.url == f"{mlflow_server}/#/models/codesoft-mortgage/versions/{published.version}"


def test_a_real_server_mirrors_stages_and_aliases_and_gives_the_bundle_back(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish_own(workspace, mlflow_server, monkeypatch)
    exercise_mirror(published.version)
    folder = download_bundle(MODEL, published.version, workspace / "downloaded")
    assert (folder / "bundle.json").read_bytes() == small_bundle().manifest
    assert (folder / "model.skops").read_bytes() == small_bundle().model
    with pytest.raises(NotTracked, match="no version 9999"):
        download_bundle(MODEL, 9999, workspace / "downloaded")


def test_a_real_server_has_every_ability_and_is_asked_once_a_day(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    every = ServerAbilities(registry=True, aliases=True, stages=True, logged_models=True, webhooks=True)
    assert server_abilities() == every
    assert remembered_abilities(TrackingServer.configured()) == every
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    assert server_abilities() == every  # remembered, so the server was not asked
    with pytest.raises(TrackingUnavailable, match="refused the credentials"):
        server_abilities(again=True)


def test_a_changed_uri_gets_run_and_version_on_the_new_server(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_evaluation(workspace, data_hash=f"{workspace}")
    local = publish(ARTIFACTS)
    remote = publish_own(workspace, mlflow_server, monkeypatch)
    assert local.tracking_uri.startswith("sqlite:")
    assert remote.tracking_uri == mlflow_server
    assert remote.run_id != local.run_id


def test_bad_credentials_are_an_error_that_names_the_server_and_no_secret(
    workspace: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_secret = mlflow_server.replace("//", "//admin:a-wrong-secret@")
    with pytest.raises(TrackingUnavailable, match="refused the credentials") as caught:
        publish_own(workspace, with_secret, monkeypatch)
    assert mlflow_server in str(caught.value)
    assert "a-wrong-secret" not in str(caught.value)
    assert "MLFLOW_TRACKING_PASSWORD" in caught.value.advice


def test_credentials_in_the_uri_are_used_and_never_shown(
    workspace: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_secret = mlflow_server.replace("//", f"//{USERNAME}:{PASSWORD}@")
    published = publish_own(workspace, with_secret, monkeypatch)
    assert PASSWORD not in repr(published)
    assert published.tracking_uri == mlflow_server


def test_an_old_server_without_aliases_and_logged_models_is_worked_around(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_old_server(mlflow_server, missing=NEW_SINCE_2022) as old:
        published = publish_own(workspace, old, monkeypatch)
        abilities = server_abilities()
        assert abilities == ServerAbilities(
            registry=True, aliases=False, stages=True, logged_models=False, webhooks=False
        )
        assert any("no aliases" in sentence for sentence in abilities.in_words())
        exercise_mirror(published.version)


def test_a_server_without_stages_keeps_them_as_tags(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_old_server(mlflow_server, missing=("/transition-stage",)) as later:
        published = publish_own(workspace, later, monkeypatch)
        assert not server_abilities().stages
        exercise_mirror(published.version)


def test_a_server_without_a_registry_keeps_versions_on_its_runs(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_old_server(mlflow_server, missing=REGISTRY) as bare:
        first = publish_own(workspace, bare, monkeypatch)
        second = publish_own(workspace, bare, monkeypatch, data_hash=f"{workspace}-b")
        again = publish_own(workspace, bare, monkeypatch)
        assert (again, second.version) == (first, first.version + 1)
        assert not server_abilities().registry
        exercise_mirror(first.version)
        assert (download_bundle(MODEL, first.version, workspace / "x") / "model.skops").exists()


def test_a_registry_that_reads_but_cannot_register_is_replaced_when_that_shows(
    workspace: Path, mlflow_server: str, authenticated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_old_server(mlflow_server, missing=("/model-versions/create",)) as half:
        published = publish_own(workspace, half, monkeypatch)
        assert not server_abilities().registry
        assert [item.version for item in list_versions(MODEL) if item.run_id == published.run_id] == [published.version]


def test_a_server_that_hangs_is_an_error_within_the_bounds(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with hanging_server() as address:
        started = time.monotonic()
        with pytest.raises(TrackingUnavailable) as caught:
            publish_own(workspace, address, monkeypatch)
        assert time.monotonic() - started < 15
    assert address in caught.value.message
    assert caught.value.retryable


def test_a_server_that_is_not_there_is_an_error_with_advice(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingUnavailable, match="MLFLOW_TRACKING_URI"):
        publish_own(workspace, "http://127.0.0.1:9", monkeypatch)
