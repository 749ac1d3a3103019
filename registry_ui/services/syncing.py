"""Versions that were trained elsewhere (CI, a laptop) and stand on the tracking server enter as candidates."""

from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from ml_pipeline.errors import CodesoftError, TrackingUnavailable
from ml_pipeline.tracking.mirror import download_candidate, list_versions
from ml_pipeline.tracking.registry import TrackedVersion, registered_name
from ml_pipeline.tracking.server import TrackingServer
from predictions.models import Deployment
from registry_ui.models import ModelVersion
from registry_ui.selectors import active_run
from registry_ui.services.access import Actor
from registry_ui.services.candidates import Published, candidate_import

_log = structlog.get_logger(__name__)


def registry_sync() -> int:
    """Import what stands on the server and not here; how many were. A version that cannot be imported stops none."""
    return sum(_sync_model(model) for model in Deployment.objects.values_list("model", flat=True))


def _sync_model(model: str) -> int:
    """A model in training is left alone: its run imports what it publishes, with its own evidence."""
    if active_run(model=model) is not None:
        return 0
    try:
        missing = [item for item in list_versions(model) if not _known(model, item)]
    except TrackingUnavailable as error:
        _log.warning("sync_failed", model=model, error=str(error))
        return 0
    return sum(_import(model, item) for item in missing)


def _known(model: str, item: TrackedVersion) -> bool:
    return ModelVersion.objects.filter(model=model, tracking_version=item.version, run_id=item.run_id).exists()


def _import(model: str, item: TrackedVersion) -> bool:
    url = TrackingServer.configured().page("models", registered_name(model), "versions", item.version) or ""
    try:
        with TemporaryDirectory() as folder:
            download_candidate(model, item.version, Path(folder))
            candidate_import(
                model=model,
                root=Path(folder),
                actor=Actor.system("sync"),
                published=Published(item.run_id, item.version, url),
                elsewhere=True,
            )
    except CodesoftError as error:
        _log.warning("version_not_imported", model=model, version=item.version, error=str(error))
        return False
    return True
