"""The mirror of MLflow: stages and aliases pushed after commit, versions that were trained elsewhere pulled."""

from datetime import timedelta
from typing import Any

import structlog
from django.db.models import Max
from django.utils import timezone

from ml_pipeline.errors import CodesoftError
from ml_pipeline.tracking.mirror import mirror
from predictions.models import Deployment
from registry_ui.models import ModelVersion, OutboxEntry
from registry_ui.services.outbox import mirror_request

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)
_CLAIM = timedelta(minutes=5)
_KEPT = timedelta(days=7)
_MODELS_AT_ONCE = 20
_log = structlog.get_logger(__name__)


def outbox_mirror() -> int:
    """Mirror every model with a due entry, and give how many were. What fails is tried again, later each time."""
    due = OutboxEntry.objects.filter(done_at__isnull=True, next_try_at__lte=timezone.now())
    mirrored = 0
    for model in list(due.values_list("model", flat=True).distinct().order_by("model")[:_MODELS_AT_ONCE]):
        mirrored += _mirror_model(model)
    return mirrored


def mirror_all() -> None:
    """Ask for every model's mirror again: whatever was changed on the server by hand is put right. Forget old notes."""
    OutboxEntry.objects.filter(done_at__lt=timezone.now() - _KEPT).delete()
    waiting = OutboxEntry.objects.filter(done_at__isnull=True).values("model")
    for model in Deployment.objects.exclude(model__in=waiting).values_list("model", flat=True):
        mirror_request(model=model, cause="reconcile")


def _mirror_model(model: str) -> bool:
    """Mirror one model for all its entries up to now. The claim keeps a second worker from writing at the same time."""
    entries = OutboxEntry.objects.filter(model=model, done_at__isnull=True)
    last = entries.aggregate(last=Max("id"))["last"]
    claimed = entries.filter(id__lte=last, next_try_at__lte=timezone.now()).update(next_try_at=timezone.now() + _CLAIM)
    if not claimed:
        return False
    try:
        _push(model)
    except CodesoftError as error:
        _postpone(model, last, str(error))
        _log.warning("mirror_failed", model=model, error=str(error))
        return False
    entries.filter(id__lte=last).update(done_at=timezone.now(), last_error="")
    return True


def _push(model: str) -> None:
    """Write until the server has what the database says: a decision may fall between reading and writing."""
    wanted = _wanted(model)
    while True:
        mirror(model, **wanted)
        now_wanted = _wanted(model)
        if now_wanted == wanted:
            return
        wanted = now_wanted


def _wanted(model: str) -> dict[str, Any]:
    """Stage of each tracked version, and the aliases: `champion` serves, `challenger` is the newest that waits."""
    tracked = ModelVersion.objects.filter(model=model, tracking_version__isnull=False).order_by("number")
    numbers: dict[int | None, int | None] = {version.number: version.tracking_version for version in tracked}
    waiting = [version.tracking_version for version in tracked if version.status == ModelVersion.Status.WAITING]
    deployment = Deployment.objects.filter(model=model).first()
    return {
        "stages": {version.tracking_version: version.stage or "None" for version in tracked},
        "aliases": {
            "champion": deployment and numbers.get(deployment.champion_version),
            "canary": deployment and numbers.get(deployment.canary_version),
            "challenger": waiting[-1] if waiting else None,
        },
    }


def _postpone(model: str, last: int, error: str) -> None:
    for entry in OutboxEntry.objects.filter(model=model, done_at__isnull=True, id__lte=last):
        entry.attempts += 1
        pause = min(_FIRST_PAUSE * 2 ** min(entry.attempts - 1, 10), _LONGEST_PAUSE)
        entry.next_try_at = timezone.now() + pause
        entry.last_error = error[:2_000]
        entry.save(update_fields=["attempts", "next_try_at", "last_error"])
