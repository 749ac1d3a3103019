"""What each kind of background task does. Runs in a worker, never in a web process."""

from typing import Any

from registry_ui.models import BackgroundTask
from registry_ui.services.background import Progress, Work
from registry_ui.services.flips import flips_compute
from registry_ui.services.mirroring import mirror_all, outbox_mirror
from registry_ui.services.syncing import registry_sync
from registry_ui.services.thresholds import threshold_candidate


def _sync(_task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    """Take in what was trained elsewhere, then put right what was moved on the server."""
    progress.tell(0, 2, "reading versions")
    imported = registry_sync()
    progress.tell(1, 2, "writing stages and aliases")
    mirror_all()
    return {"imported": imported, "mirrored": outbox_mirror()}


KINDS: dict[str, Work] = {
    BackgroundTask.Kind.SYNC: _sync,
    BackgroundTask.Kind.FLIPS: flips_compute,
    BackgroundTask.Kind.THRESHOLD: threshold_candidate,
}
