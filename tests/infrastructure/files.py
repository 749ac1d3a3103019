"""Reads the infrastructure files as they are deployed."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "k8s" / "monitoring"
KINDS_WITH_PODS = ("Deployment", "Job")

Manifest = dict[str, Any]


def load_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def go_tool(name: str) -> str:
    """The path of a linter that comes as a Go module; the test skips where it is not installed."""
    script = f'source "{ROOT}/.ci/go-tools.sh"; go_tool {name}'
    cached = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    path = shutil.which(name) or cached
    if not os.access(path, os.X_OK):
        pytest.skip(f"{name} is not installed; .ci/install-tools does it")
    return path


@cache
def manifests(folder: str) -> list[Manifest]:
    """What `kustomize build` makes of a folder under `k8s/`: the very objects that a release applies."""
    command = [go_tool("kustomize"), "build", str(ROOT / "k8s" / folder)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(rendered))


def release() -> list[Manifest]:
    """All objects of a release, the migration included."""
    return [*manifests("production"), *manifests("production/migration")]


def of_kind(*kinds: str) -> list[Manifest]:
    return [manifest for manifest in release() if manifest["kind"] in kinds]


def name_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def pod_of(manifest: Manifest) -> dict[str, Any]:
    return dict(manifest["spec"]["template"]["spec"])


def container_of(manifest: Manifest) -> dict[str, Any]:
    (container,) = pod_of(manifest)["containers"]
    return dict(container)
