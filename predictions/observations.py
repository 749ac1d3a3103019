"""Writing observations: what serving saw and somebody should know. `registry_ui` reads them and reacts."""

from django.db import transaction

from predictions.models import Observation

BUNDLE_NOT_LOADED = "bundle_not_loaded"
LOG_QUARANTINED = "log_quarantined"
FEEDBACK_REFUSED = "feedback_refused"


def record_observation(*, kind: str, subject: str, message: str, model: str = "") -> None:
    """Record that something happened, each time it happens."""
    Observation.objects.create(kind=kind, subject=subject[:100], message=message, model=model)


@transaction.atomic
def record_observation_once(*, kind: str, subject: str, message: str, model: str = "") -> None:
    """Record a lasting fault: another observation of the same kind and subject says it already."""
    Observation.objects.get_or_create(kind=kind, subject=subject[:100], defaults={"message": message, "model": model})
