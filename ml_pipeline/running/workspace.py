"""A workspace: a folder with the code, the declarations and one model's lock entries, where `dvc repro` runs alone.

Runs of two models never meet in one `.dvc/` or `dvc.lock`; they share the cache, so that nothing is computed twice.
"""

import shutil
from pathlib import Path

from ml_pipeline.environment import PROJECT_ROOT, Environment

_COPIED_FOLDERS = ("ml_pipeline",)
_COPIED_FILES = ("params.yaml", "dvc.yaml", ".dvcignore")
_LINKED_FOLDERS = ("data",)  # large and read-only
LOCK_FILE = "dvc.lock"


def prepare_workspace(folder: Path, *, lock_entries: bytes | None, project: Path = PROJECT_ROOT) -> None:
    """Make `folder` a fresh workspace; what stood there is removed. `lock_entries` is a whole `dvc.lock` or None."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _COPIED_FOLDERS:
        shutil.copytree(project / name, folder / name)
    for name in _COPIED_FILES:
        shutil.copy2(project / name, folder / name)
    for name in _LINKED_FOLDERS:
        (folder / name).symlink_to(project / name, target_is_directory=True)
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text(_dvc_config())
    if lock_entries is not None:
        (folder / LOCK_FILE).write_bytes(lock_entries)


def _dvc_config() -> str:
    """`no_scm` is set here alone: the committed configuration keeps git, which `dvc metrics diff` needs."""
    environment = Environment.read()
    core = ["no_scm = true", "analytics = false", "check_update = false", "autostage = false"]
    sections = {"core": core, "cache": [f"dir = {environment.var / 'dvc' / 'cache'}"]}
    if environment.dvc_remote_url:
        core.append("remote = storage")
        sections["'remote \"storage\"'"] = [f"url = {environment.dvc_remote_url}"]
        if environment.dvc_remote_endpoint:
            sections["'remote \"storage\"'"].append(f"endpointurl = {environment.dvc_remote_endpoint}")
    return "".join(f"[{name}]\n" + "".join(f"    {line}\n" for line in lines) for name, lines in sections.items())
