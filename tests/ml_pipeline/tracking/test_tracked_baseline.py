"""The baseline by the tracking server's alias, for runs without Django. The file itself is tested with registration."""

from pathlib import Path

import pytest

from ml_pipeline.baseline import Champion, read_baseline
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking import baseline
from ml_pipeline.tracking.mirror import set_alias
from ml_pipeline.tracking.publish import publish_version
from tests.ml_pipeline.tracking.evaluated import MODEL, write_evaluation

ARTIFACTS = Artifacts(MODEL)


def test_the_alias_champion_is_written_with_its_bundle_and_marked_unverified(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_evaluation(workspace)
    version = publish_version(ARTIFACTS)
    set_alias(MODEL, "champion", version)
    assert baseline.main([MODEL]) == 0
    assert capsys.readouterr().out == f"{MODEL}: champion version {version} (unverified)\n"
    expected = Champion(version, bundle.hash, ARTIFACTS.baseline_bundle, verified=False)
    assert read_baseline(ARTIFACTS.baseline) == expected
    assert (ARTIFACTS.baseline_bundle / "model.skops").read_bytes() == bundle.model


def test_without_the_alias_there_is_no_champion(workspace: Path) -> None:
    write_evaluation(workspace)
    publish_version(ARTIFACTS)
    assert baseline.main([MODEL]) == 0
    assert read_baseline(ARTIFACTS.baseline) is None


def test_a_server_that_cannot_be_reached_is_exit_code_1(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert baseline.main([MODEL]) == 1
    assert "http://127.0.0.1:9" in capsys.readouterr().err
