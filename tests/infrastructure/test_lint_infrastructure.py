"""The infrastructure linters see what they are there for: one planted mistake for each, all in one run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.files import ROOT

MISTAKES = {
    "shell scripts": ("k8s/rollout", "web_image=${1:?", "unused=$(ls $1)\nweb_image=${1:?"),
    "Dockerfile": ("Dockerfile", "WORKDIR /srv/codesoft", "WORKDIR srv"),
    "compose.yaml": ("compose.yaml", "  redis:\n    image:", "  redis:\n    imagee:"),
    "manifests": ("k8s/base/web.yaml", "minReadySeconds", "minReadySecond"),
    "workflows (": (".github/workflows/train.yml", "runs-on: ubuntu-24.04", "runs-on: ubuntu-2.4"),
    "workflows' security": (".github/workflows/ci.yml", "persist-credentials: false", "fetch-depth: 1"),
    "Prometheus rules": ("k8s/monitoring/rules.yaml", "sum(rate(django", "sum(rat(django"),
    "Prometheus configuration": ("k8s/monitoring/prometheus.yaml", "scrape_interval", "scrape_intervall"),
    "tests of the rules": ("k8s/monitoring/rules-test.yaml", "0x15 0+100x25", "0x40"),
    "Alertmanager": ("k8s/monitoring/alertmanager.yaml", "receiver: operators", "receiver: nobody"),
    "dashboards' queries": ("k8s/monitoring/grafana/dashboards/overview.json", "max(codesoft", "max((codesoft"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (".ci", ".github", "k8s"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("Dockerfile", "compose.yaml"):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".git").mkdir()  # actionlint looks for the root of a repository
    return tmp_path


def lint(project: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [str(project / ".ci" / "lint-infrastructure")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 2:
        pytest.skip(done.stderr.strip())
    return done


def test_each_planted_mistake_is_found_by_its_own_check(project: Path) -> None:
    for name, before, after in MISTAKES.values():
        text = (project / name).read_text()
        assert before in text, name
        (project / name).write_text(text.replace(before, after, 1))
    done = lint(project)
    assert done.returncode == 1
    passed = [line for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert not passed
    for title in MISTAKES:
        assert f"\nFAILED  {title}" in f"\n{done.stdout}", title


def test_a_missing_tool_is_named(project: Path) -> None:
    command = [str(project / ".ci" / "lint-infrastructure")]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(project), "CODESOFT_TOOLS": str(project / "tools")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "missing: " in done.stderr
    assert "actionlint" in done.stderr
