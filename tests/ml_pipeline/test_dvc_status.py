"""What DVC would run again after a change, asked of DVC itself in a copy of the project with invented outs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ml_pipeline.running.repro import Steps
from tests.ml_pipeline.test_dvc_wiring import KEY, STAGES, outs
from tests.project_copy import copy_project

ALWAYS = {"ingestion@sentiment", "ingestion@spam", "ingestion@mortgage"}
MODELS = ("sentiment", "spam", "mortgage")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which every stage of every model counts as done."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    (folder / "dvc.lock").unlink(missing_ok=True)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    for model in MODELS:
        for path in (path.replace(KEY, model) for stage in STAGES for path in outs(stage)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(f'[{{"made": "{path}"}}]')
    dvc(folder, "commit", "--force", "--quiet")
    return folder


def dvc(folder: Path, *command: str) -> str:
    environment = Steps(folder, on_line=print).environment() | {
        "VAR_DIR": str(folder / "var"),
        "DVC_SITE_CACHE_DIR": str(folder / "var" / "dvc" / "site"),
        "GIT_CEILING_DIRECTORIES": os.fspath(folder.parent),
    }
    return subprocess.run(
        [sys.executable, "-m", "dvc", *command], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def changed_stages(folder: Path) -> set[str]:
    return set(json.loads(dvc(folder, "status", "--json")))


def with_params(folder: Path, model: str, section: str, **changes: Any) -> None:
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(folder / "params.yaml")
    content["models"][model][section] |= changes
    with (folder / "params.yaml").open("w") as stream:
        yaml.dump(content, stream)


@pytest.fixture(autouse=True)
def _params_as_before(project: Path) -> Any:
    before = (project / "params.yaml").read_bytes()
    yield
    (project / "params.yaml").write_bytes(before)


def test_where_nothing_changed_only_ingestion_looks(project: Path) -> None:
    assert changed_stages(project) == ALWAYS


@pytest.mark.parametrize(
    ("section", "changes", "stages"),
    [
        ("decision", {"false_positive": 99}, {"model_building", "evaluation"}),
        ("promotion", {"minimum_gain": 0.5}, {"registration"}),
        ("rollout", {"promote": True}, {"registration"}),
        ("monitoring", {"minimum_rows": 500}, {"registration"}),
        ("serving", {"log": "best_effort"}, {"evaluation"}),
        ("split", {"held_out": 0.3}, {"preprocessing", "evaluation"}),
    ],
)
def test_a_changed_section_concerns_its_stages_of_its_model_alone(
    project: Path, section: str, changes: dict[str, Any], stages: set[str]
) -> None:
    with_params(project, "mortgage", section, **changes)
    assert changed_stages(project) - ALWAYS == {f"{stage}@mortgage" for stage in stages}


def test_a_changed_module_concerns_the_stages_that_import_it(project: Path) -> None:
    module = project / "ml_pipeline" / "learning" / "splitting.py"
    before = module.read_bytes()
    module.write_bytes(before + b"# changed\n")
    try:
        assert changed_stages(project) - ALWAYS == {f"preprocessing@{model}" for model in MODELS}
    finally:
        module.write_bytes(before)


def test_git_sees_nothing_that_a_run_or_a_look_at_its_plots_leaves(project: Path) -> None:
    (project / "dvc_plots").mkdir()
    (project / "dvc_plots" / "index.html").touch()  # where `dvc plots show` writes
    left = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all", "--", "artifacts", "dvc_plots", "var", ".dvc"],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    assert [line for line in left if line and line[3:] not in (".dvc/config", ".dvc/.gitignore")] == []
