"""What each kind of background task does. Runs in a worker, never in a web process."""

from typing import Any

from registry_ui.models import BackgroundTask
from registry_ui.services.background import Progress, Work
from registry_ui.services.derived import derived_candidate
from registry_ui.services.drift import drift_evaluate
from registry_ui.services.flips import flips_compute
from registry_ui.services.mirroring import outbox_mirror
from registry_ui.services.previews import preview_compute
from registry_ui.services.proposals import proposals_compute
from registry_ui.services.syncing import registry_sync


def _sync(task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    """Read the server, take in what is new, compare; then write what waits, unless it failed a moment ago."""
    synced = registry_sync(model=task.model, again=True, tell=progress.tell)
    return {"imported": synced.imported, "mirrored": outbox_mirror(model=task.model, tell=progress.tell)}


KINDS: dict[str, Work] = {
    BackgroundTask.Kind.SYNC: _sync,
    BackgroundTask.Kind.FLIPS: flips_compute,
    BackgroundTask.Kind.THRESHOLD: derived_candidate,
    BackgroundTask.Kind.RECALIBRATION: derived_candidate,
    BackgroundTask.Kind.PREVIEW: preview_compute,
    BackgroundTask.Kind.PROPOSALS: proposals_compute,
    BackgroundTask.Kind.DRIFT: drift_evaluate,
}
