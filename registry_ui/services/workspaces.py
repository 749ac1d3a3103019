"""What a run finds in its workspace beside code and declarations: the champion to beat, and its lock entries."""

from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from ml_pipeline.baseline import Champion, write_baseline
from predictions.bundle_store import copy_bundle
from registry_ui.selectors import champion_get


def baseline_write(*, model: str, workspace: Path) -> None:
    """The champion of now, as what the candidate is compared with."""
    live = champion_get(model=model)
    if live is None:
        write_baseline(model, None, workspace)
        return
    with TemporaryDirectory() as folder:
        copy_bundle(live.bundle_hash, Path(folder))
        write_baseline(model, Champion(live.number, live.bundle_hash, Path(folder)), workspace)


def lock_entries(*, model: str) -> bytes | None:
    """Those of the model's last imported run: what did not change since is not computed again."""
    path = f"locks/{model}.yaml"
    if not storages["bundles"].exists(path):
        return None
    with storages["bundles"].open(path) as stream:
        content: bytes = stream.read()
        return content


def lock_entries_keep(*, model: str, content: bytes) -> None:
    path = f"locks/{model}.yaml"
    storages["bundles"].delete(path)
    storages["bundles"].save(path, ContentFile(content))
