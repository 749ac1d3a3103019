"""Reads about messages."""

from django.db.models import Count

from registry_ui.models import Notification


def notifications_given_up() -> dict[str, int]:
    """How many messages of each channel were never delivered and are tried no more."""
    rows = Notification.objects.filter(given_up_at__isnull=False).order_by().values("channel")
    counts = {row["channel"]: row["count"] for row in rows.annotate(count=Count("pk"))}
    return {channel: counts.get(channel, 0) for channel in Notification.Channel.values}
