"""Writing observations: what serving saw and somebody should know. `registry_ui` reads them and reacts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from predictions.models import BundleFault, Observation

BUNDLE_NOT_LOADED = "bundle_not_loaded"
LOG_QUARANTINED = "log_quarantined"
_FORGOTTEN_AFTER = timedelta(days=1)  # of processes that died
FEEDBACK_REFUSED = "feedback_refused"


def record_observation(*, kind: str, subject: str, message: str, model: str = "") -> None:
    """Record that something happened, each time it happens."""
    Observation.objects.create(kind=kind, subject=subject[:100], message=message, model=model)


@transaction.atomic
def record_observation_once(*, kind: str, subject: str, message: str, model: str = "") -> None:
    """Record a lasting fault: another observation of the same kind and subject says it already."""
    Observation.objects.get_or_create(kind=kind, subject=subject[:100], defaults={"message": message, "model": model})


@transaction.atomic
def faults_tell(*, process: str, faults: Mapping[str, Mapping[str, Any]]) -> None:
    """Say which bundles a process cannot load now: bundle → columns of its `BundleFault`. What is not among them is
    mended.
    """
    now = timezone.now()
    own = BundleFault.objects.filter(process=process)
    own.exclude(bundle__in=list(faults)).delete()
    BundleFault.objects.filter(seen_at__lt=now - _FORGOTTEN_AFTER).delete()
    for bundle, told in faults.items():
        BundleFault.objects.update_or_create(process=process, bundle=bundle, defaults={**told, "seen_at": now})
