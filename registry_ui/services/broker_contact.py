"""What the dispatcher tells of the broker, so that pages can say why a row waits: no page asks the broker itself."""

from datetime import timedelta

from django.utils import timezone

from registry_ui.models import BrokerContact

_TOLD_EVERY = timedelta(seconds=10)
_ERROR_LENGTH = 500


def broker_contact_note(*, sent: int, error: str) -> None:
    """Note a round: `error` is what the broker's client said, empty where nothing failed.

    The broker answers again when something was sent. A quiet round proves nothing, and is told now and then.
    """
    now = timezone.now()
    known = BrokerContact.objects.filter(pk=BrokerContact.ONLY).first()
    since = known and known.failing_since
    told = {"looked_at": now, "failing_since": since, "error": known.error if known else ""}
    if error:
        told |= {"failing_since": since or now, "error": error[:_ERROR_LENGTH]}
    elif sent:
        told |= {"failing_since": None, "error": ""}
    elif known and now - known.looked_at < _TOLD_EVERY:
        return
    BrokerContact.objects.update_or_create(pk=BrokerContact.ONLY, defaults=told)
