"""What a run would do, as `dvc status` tells it: reasons for what works anew, none for what lies in the cache."""

from pathlib import Path

import pytest

from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.paths import Artifacts
from ml_pipeline.running.preview import read_status, run_preview
from ml_pipeline.running.workspace import prepare_workspace

MODEL = "mortgage"
_FILE = f"artifacts/{MODEL}/ingestion/documents.parquet"


def outlooks(status: dict[str, list[object]]) -> list[str]:
    return [plan.outlook for plan in read_status(MODEL, status)]


def test_what_was_computed_before_depends_on_the_documents_alone() -> None:
    in_the_cache = [{"changed deps": {_FILE: "deleted"}}, {"changed outs": {_FILE: "deleted"}}]
    status = {f"ingestion@{MODEL}": ["always changed"], f"preprocessing@{MODEL}": in_the_cache}

    assert outlooks(status) == ["looks", *["depends"] * 5]
    assert outlooks({f"ingestion@{MODEL}": [{"changed outs": {_FILE: "deleted"}}]}) == ["stays"] * 6


def test_each_change_is_named_once_and_what_follows_depends_on_it() -> None:
    deps = {
        "params.yaml": {f"models.{MODEL}.estimator": "modified"},
        "ml_pipeline/learning/threads.py": "modified",
        f"baseline/{MODEL}.json": "modified",
    }
    plans = read_status(MODEL, {f"model_building@{MODEL}": [{"changed deps": deps}]})

    assert [plan.outlook for plan in plans] == ["stays", "stays", "stays", "runs", "depends", "depends"]
    assert plans[3].reasons == [
        "declared anew: estimator", "code changed: learning/threads.py", "another champion serves"
    ]  # fmt: skip
    assert plans[4].reasons == ["if model_building gives something else"]


def test_a_model_that_never_ran_says_so_for_every_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the real `dvc`, in a fresh workspace."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    workspace = tmp_path / "workspace"
    prepare_workspace(workspace, lock_entries=None, project=PROJECT_ROOT)
    baseline = workspace / Artifacts(MODEL).baseline
    baseline.parent.mkdir()
    baseline.write_text('{"champion": null}')

    plans = run_preview(MODEL, workspace)
    assert [(plan.outlook, plan.reasons) for plan in plans] == [("runs", ["it never ran here"])] * 6
    assert not (tmp_path / "var" / "dvc" / "site").exists(), "what DVC knows of a workspace goes with it"
