import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.errors import NotEnoughData
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking import publish as publishing
from ml_pipeline.tracking.client import Connection, connect
from ml_pipeline.tracking.mirror import download_candidate, list_versions
from ml_pipeline.tracking.publish import COMPLETE_TAG, publish, publish_run, publish_version
from ml_pipeline.tracking.registry import experiment_name
from ml_pipeline.tracking.runs import TrackedRun, delete_run, download, find_runs, get_run, has_file
from ml_pipeline.tracking.server import TrackingServer
from ml_pipeline.tracking.tracked_lineage import KEY_TAG
from tests.ml_pipeline.tracking.evaluated import MODEL, small_bundle, write_evaluation

ARTIFACTS = Artifacts(MODEL)
LOCK = """\
schema: '2.0'
stages:
  ingestion@mortgage: {cmd: look, outs: [{path: artifacts/mortgage/ingestion, md5: aa}]}
  ingestion@spam: {cmd: look, outs: [{path: artifacts/spam/ingestion, md5: bb}]}
"""


def connection() -> Connection:
    return connect(TrackingServer.configured())


def runs() -> list[TrackedRun]:
    return find_runs(connection(), experiment_name(MODEL), KEY_TAG)


def publish_in_a_process(workspace: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ml_pipeline.tracking.publish", MODEL]
    variables = os.environ | {"PYTHONPATH": str(PROJECT_ROOT), **environment}
    return subprocess.Popen(command, cwd=workspace, env=variables, stdout=subprocess.PIPE, text=True)


def test_importing_publish_does_not_import_mlflow() -> None:
    code = "import sys, ml_pipeline.tracking.publish, ml_pipeline.tracking.mirror, ml_pipeline.stages.registration\n"
    code += "sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=False).returncode == 0


def test_one_module_imports_mlflow() -> None:
    modules = [path for path in PROJECT_ROOT.glob("*/**/*.py") if path.parts[-2] != "node_modules"]
    product = [path for path in modules if path.relative_to(PROJECT_ROOT).parts[0] in _PRODUCT]
    importing = [path for path in product if any(map(_imports_mlflow, path.read_text().splitlines()))]
    assert [path.relative_to(PROJECT_ROOT).as_posix() for path in importing] == ["ml_pipeline/tracking/client.py"]


_PRODUCT = ("codesoft", "ml_pipeline", "predictions", "registry_ui")


def _imports_mlflow(line: str) -> bool:
    return line.strip().startswith(("import mlflow", "from mlflow"))


def test_a_run_carries_params_metrics_with_intervals_pictures_bundle_and_lineage(workspace: Path) -> None:
    bundle = write_evaluation(workspace)
    run_id = publish_run(ARTIFACTS)
    with connection().translated() as client:
        run = client.get_run(run_id)
    assert run.data.params["estimator.params.C"] == "1.0"
    assert {name: run.data.metrics[name] for name in ("f1", "f1_low", "f1_high")} == {
        "f1": 0.5,
        "f1_low": 0.4,
        "f1_high": 0.6,
    }
    assert run.info.status == "FINISHED"
    for path in ("bundle/bundle.json", "bundle/model.skops", "report.json", "plots/roc.json", "pictures/roc.png"):
        assert has_file(connection(), get_run(connection(), run_id), path), path
    tags = run.data.tags
    assert tags["codesoft.bundle_hash"] == bundle.hash
    assert tags["codesoft.data_hash"] == "d" * 64
    assert (tags["codesoft.git_commit"], tags["codesoft.trigger"]) == ("0123abc", "developer")


def test_publishing_again_changes_nothing(workspace: Path) -> None:
    write_evaluation(workspace)
    first = publish(ARTIFACTS)
    again = publish(ARTIFACTS)
    assert again == first
    assert (len(runs()), len(list_versions(MODEL))) == (1, 1)


def test_data_a_b_a_ends_with_two_versions_and_the_first_number_again(workspace: Path) -> None:
    numbers = []
    for data_hash in ("a" * 64, "b" * 64, "a" * 64):
        write_evaluation(workspace, data_hash=data_hash)
        numbers.append(publish(ARTIFACTS).version)
    assert numbers == [1, 2, 1]


def test_another_bundle_on_the_same_data_is_another_version(workspace: Path) -> None:
    write_evaluation(workspace)
    assert publish_version(ARTIFACTS) == 1
    write_evaluation(workspace, bundle=small_bundle(0.5))
    assert publish_version(ARTIFACTS) == 2


def test_a_half_logged_run_is_filled_and_not_repeated(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_evaluation(workspace)
    with monkeypatch.context() as broken:
        broken.setattr(publishing, "finish_run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish_run(ARTIFACTS)
    assert [COMPLETE_TAG in run.tags for run in runs()] == [False]
    run_id = publish_run(ARTIFACTS)
    assert [(run.id, run.tags[COMPLETE_TAG]) for run in runs()] == [(run_id, "true")]
    with connection().translated() as client:
        assert len(client.get_metric_history(run_id, "f1")) == 1


def test_a_deleted_run_is_replaced_and_its_version_kept_and_pointed_at_the_new_one(workspace: Path) -> None:
    write_evaluation(workspace)
    first = publish(ARTIFACTS)
    delete_run(connection(), first.run_id)
    second = publish(ARTIFACTS)
    assert (second.version, second.run_id != first.run_id) == (first.version, True)
    assert [item.run_id for item in list_versions(MODEL)] == [second.run_id]


def test_the_verdict_of_now_stands_on_the_version(workspace: Path) -> None:
    write_evaluation(workspace)
    for verdict in ("first", "identical"):
        write_bytes(ARTIFACTS.recommendation, readable_json({"verdict": verdict}))
        publish_version(ARTIFACTS)
        assert list_versions(MODEL)[0].tags["codesoft.recommendation"] == verdict


def test_a_candidate_can_be_fetched_as_a_run_leaves_it(workspace: Path) -> None:
    write_evaluation(workspace)
    for verdict in ("first", "promote"):
        write_bytes(ARTIFACTS.recommendation, readable_json({"verdict": verdict}))
        version = publish_version(ARTIFACTS)
    elsewhere = workspace / "elsewhere"
    download_candidate(MODEL, version, elsewhere)
    for path in (ARTIFACTS.recommendation, ARTIFACTS.report, ARTIFACTS.metrics, ARTIFACTS.bundle / "model.skops"):
        assert (elsewhere / path).read_bytes() == path.read_bytes(), path


def test_only_the_models_own_lock_entries_are_attached(workspace: Path) -> None:
    write_evaluation(workspace)
    Path("dvc.lock").write_text(LOCK)
    run_id = publish(ARTIFACTS).run_id
    attached = download(connection(), get_run(connection(), run_id), "lineage/dvc.lock", workspace / "got").read_text()
    assert "ingestion@mortgage" in attached
    assert "ingestion@spam" not in attached


def test_without_an_evaluation_the_error_says_what_to_run(workspace: Path) -> None:
    with pytest.raises(NotEnoughData, match="dvc repro evaluation@mortgage"):
        publish(ARTIFACTS)


def test_two_processes_at_once_on_a_machine_without_a_store_make_one_run_and_one_version(workspace: Path) -> None:
    write_evaluation(workspace)
    started = [publish_in_a_process(workspace, VAR_DIR=str(workspace / "fresh")) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in started]
    assert answers[0] == answers[1]
    assert answers[0]["version"] == 1


def test_an_emptied_store_gets_run_and_version_again(workspace: Path, empty_store: Path) -> None:
    write_evaluation(workspace)
    before = publish(ARTIFACTS)
    (workspace / "var" / "mlflow" / "mlflow.db").write_bytes(empty_store.read_bytes())
    process = publish_in_a_process(workspace)
    after = json.loads(process.communicate(timeout=60)[0])
    assert after["version"] == 1
    assert after["run_id"] != before.run_id


def test_the_command_says_on_stdout_what_failed_and_exits_with_1(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evaluation(workspace)
    assert publishing.main([MODEL, "spam"]) == 1
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (good["model"], good["version"], good["url"]) == (MODEL, 1, None)
    assert (bad["model"], bad["error"]) == ("spam", "not_enough_data")
