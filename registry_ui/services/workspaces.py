"""What a run finds in its workspace beside code and declarations: the champion to beat, its lock entries, the cache."""

from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from ml_pipeline.baseline import Champion, write_baseline
from ml_pipeline.running.cache import prune_cache
from predictions.bundle_store import copy_bundle
from predictions.models import Deployment
from registry_ui.selectors import champion_get

_log = structlog.get_logger(__name__)


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


def cache_prune() -> None:
    """Let go of what stages gave long ago and no model's entries name. No run may be active."""
    if settings.RUN_CACHE_DAYS:
        models = Deployment.objects.values_list("model", flat=True)
        locks = [entries for model in models if (entries := lock_entries(model=model)) is not None]
        if freed := prune_cache(locks=locks, days=settings.RUN_CACHE_DAYS):
            _log.info("cache_pruned", bytes=freed)
