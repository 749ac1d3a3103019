"""The note that a model's mirror on the tracking server is out of date, written with the change that made it so."""

from django.utils import timezone

from registry_ui.models import OutboxEntry


def mirror_request(*, model: str, cause: str) -> OutboxEntry:
    """Ask, inside the caller's transaction, for the model's stages and aliases to be mirrored."""
    return OutboxEntry.objects.create(model=model, cause=cause[:100], next_try_at=timezone.now())
