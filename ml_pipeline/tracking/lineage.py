"""Where a version comes from: code, spec, data and who asked, as tags of its run and of its version."""

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ml_pipeline.canonical import canonical_json, sha256_hex
from ml_pipeline.environment import PROJECT_ROOT, Environment
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking.tracked_lineage import (
    BUNDLE_TAG,
    COMMIT_TAG,
    DATA_TAG,
    KEY_TAG,
    TRIGGER_TAG,
)


def version_key(report: dict[str, Any]) -> str:
    """What makes a version one and the same: model, bundle hash, data hash."""
    return f"{report['model']}:{report['bundle_hash']}:{report['data_hash']}"


def lineage_tags(artifacts: Artifacts, report: dict[str, Any]) -> dict[str, str]:
    manifest = json.loads((artifacts.bundle / "bundle.json").read_bytes())
    environment = Environment.read()
    return {
        KEY_TAG: version_key(report),
        "codesoft.model": report["model"],
        BUNDLE_TAG: report["bundle_hash"],
        DATA_TAG: report["data_hash"],
        "codesoft.spec_hash": sha256_hex(canonical_json(manifest["spec"])),
        COMMIT_TAG: git_commit(environment),
        TRIGGER_TAG: environment.trigger,
    }


def git_commit(environment: Environment) -> str:
    """`GIT_COMMIT`, else the checked-out commit with `-dirty` where files differ, else `unknown`."""
    if environment.git_commit:
        return environment.git_commit
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return "unknown"
    return f"{commit}-dirty" if _git("status", "--porcelain", "--untracked-files=no") else commit


def lock_entries(model: str, lock: Path = Path("dvc.lock")) -> bytes | None:
    """This model's own entries of `dvc.lock`; None where there are none. The others' would change it without cause."""
    yaml = YAML(typ="safe", pure=True)
    try:
        stages = (yaml.load(lock.read_text(encoding="utf-8")) or {}).get("stages") or {}
    except FileNotFoundError:
        return None
    own = {name: entry for name, entry in stages.items() if name.endswith(f"@{model}")}
    if not own:
        return None
    yaml.default_flow_style = False
    text = io.StringIO()
    yaml.dump({"schema": "2.0", "stages": own}, text)
    return text.getvalue().encode()


def _git(*command: str) -> str | None:
    """A git command's answer about the project; None without git or outside a repository."""
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # somebody may be committing in this moment
    try:
        done = subprocess.run(
            ["git", *command], cwd=PROJECT_ROOT, env=quiet, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
