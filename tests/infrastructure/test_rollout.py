"""`k8s/rollout` against a stand-in cluster: a `kubectl` that keeps its calls and answers from a small state folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infrastructure.files import ROOT, go_tool

WEB = "registry.example.org/codesoft-web@sha256:" + "a" * 64
WORKER = "registry.example.org/codesoft-worker@sha256:" + "b" * 64

KUBECTL = """#!/usr/bin/env bash
echo "$*" >> "$STATE/calls"
case "$*" in
  *"get secret"*) [[ ! -e $STATE/no-secret ]] ;;
  "apply -f -")
    cat > "$STATE/manifest"
    grep -q '^kind: Job' "$STATE/manifest" && exit 0
    cat "$STATE/manifest" > "$STATE/applied"
    for name in web worker-default worker-runs dispatcher; do echo 8 > "$STATE/codesoft-$name"; done ;;
  *"get job"*) cat "$STATE/job" ;;
  *"get deployment"*) for last in "$@"; do [[ ! -e $STATE/$last ]] || cat "$STATE/$last"; done ;;
  *"rollout status deployment/"*) [[ ! -e $STATE/broken || $* != *"/$(cat "$STATE/broken") "* ]] ;;
esac
"""


class Cluster:
    """A copy of `k8s/` and a folder with the stand-in's state. Every deployment is at revision 7 before the release."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.programs = folder / "programs"
        self.k8s = folder / "k8s"
        self.state.mkdir()
        self.programs.mkdir()
        shutil.copytree(ROOT / "k8s", self.k8s)
        (self.programs / "kustomize").symlink_to(go_tool("kustomize"))
        kubectl = self.programs / "kubectl"
        kubectl.write_text(KUBECTL)
        kubectl.chmod(0o755)
        self.put("job", "SuccessCriteriaMet Complete")
        for name in ("web", "worker-default", "worker-runs", "beat", "dispatcher"):
            self.put(f"codesoft-{name}", "7")

    def put(self, name: str, content: str) -> None:
        (self.state / name).write_text(f"{content}\n")

    def roll_out(self) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin",
            "STATE": str(self.state),
            "HOME": str(self.state),
            "ROLLOUT_POLL_SECONDS": "0",
        }
        command = [str(self.k8s / "rollout"), WEB, WORKER]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def calls(self, word: str) -> list[str]:
        return [call for call in (self.state / "calls").read_text().splitlines() if word in call]

    def applied(self) -> str:
        path = self.state / "applied"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_a_release_migrates_first_and_puts_in_both_images(cluster: Cluster) -> None:
    done = cluster.roll_out()
    assert done.returncode == 0, done.stderr
    order = [call for call in cluster.calls("") if "apply" in call or "get job" in call or "rollout status" in call]
    assert order[0].startswith("apply")
    assert "get job" in order[1]
    assert order[2].startswith("apply")
    assert len(order[3:]) == 5
    assert cluster.applied().count(f"image: {WEB}") == 1
    assert cluster.applied().count(f"image: {WORKER}") == 4
    assert not cluster.calls("undo")


def test_a_failed_migration_changes_nothing_else(cluster: Cluster) -> None:
    cluster.put("job", "Failed")
    done = cluster.roll_out()
    assert done.returncode == 1
    assert "the migration did not complete" in done.stderr
    assert not cluster.applied()
    assert not cluster.calls("undo")


def test_a_deployment_that_does_not_come_up_brings_all_changed_ones_back(cluster: Cluster) -> None:
    cluster.put("broken", "codesoft-worker-runs")
    done = cluster.roll_out()
    assert done.returncode == 1
    assert "codesoft-worker-runs does not come up" in done.stderr
    undone = {call.split("deployment/")[1] for call in cluster.calls("undo")}
    # beat was not changed by this release: a plain undo would have taken it back to an older one
    changed = ("codesoft-web", "codesoft-worker-default", "codesoft-worker-runs", "codesoft-dispatcher")
    assert undone == {f"{name} --to-revision=7" for name in changed}


def test_a_first_release_has_nothing_to_go_back_to(cluster: Cluster) -> None:
    for name in ("web", "worker-default", "worker-runs", "beat", "dispatcher"):
        (cluster.state / f"codesoft-{name}").unlink()
    cluster.put("broken", "codesoft-web")
    assert cluster.roll_out().returncode == 1
    assert not cluster.calls("undo")


def test_missing_secrets_stop_a_release_before_it_starts(cluster: Cluster) -> None:
    cluster.put("no-secret", "")
    done = cluster.roll_out()
    assert done.returncode == 1
    assert "docs/deployment.md" in done.stderr
    assert not cluster.calls("apply")
