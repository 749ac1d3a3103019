"""GitHub workflows: pinned, least permissions, and only commands that exist."""

import re
from typing import Any

import pytest

from tests.infrastructure.files import ROOT, load_yaml

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_foreign_actions_are_pinned_by_commit_with_their_version_beside(path: Any) -> None:
    uses = re.findall(r"uses: (\S+)(.*)$", path.read_text(), flags=re.MULTILINE)
    for action, rest in uses:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_has_no_permission_but_each_job_s_own(path: Any) -> None:
    workflow = load_yaml(path)
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        allowed = {"contents": "read", "id-token": "write"}
        assert job["permissions"].items() <= allowed.items()
        assert "uses" in job or job["timeout-minutes"] <= 90


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_calls_only_what_the_repository_has(path: Any) -> None:
    makefile = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")
    commands = "\n".join(step["run"] for step in steps(load_yaml(path)) if "run" in step)
    for target in re.findall(r"^\s*make (\S+)", commands, flags=re.MULTILINE):
        assert re.search(rf"^{re.escape(target)}:", makefile, flags=re.MULTILINE), target
    for module in re.findall(r"python -m ([\w.]+)", commands):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    for script in re.findall(r"(?:^|\s)((?:\.ci|k8s)/[\w-]+)", commands):
        assert (ROOT / script).stat().st_mode & 0o100, script


def test_deployment_waits_for_the_whole_check() -> None:
    jobs = load_yaml(ROOT / ".github/workflows/deploy.yml")["jobs"]
    assert jobs["check"]["uses"].endswith("/ci.yml")
    assert jobs["build"]["needs"] == "check"
    assert jobs["rollout"]["needs"] == "build"
