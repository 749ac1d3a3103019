"""Moments as people and programs write them: ISO 8601, in UTC where no offset says otherwise."""

from datetime import UTC, datetime

from django.utils import timezone

from predictions.errors import InvalidRequest


def moment_parse(text: str, *, field: str) -> datetime:
    """InvalidRequest, which names `field`, where it is no moment."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"{text!r} is not a moment.",
            advice="Write 2026-03-03T14:00 (UTC), or 2026-03-03T15:00+01:00 (in an address the + is %2B).",
            details={"fields": {field: "Not a moment in ISO 8601."}},
        ) from error


def past_moment_parse(text: str, *, field: str) -> datetime:
    """`moment_parse`, and InvalidRequest where it is still to come."""
    moment = moment_parse(text, field=field)
    if moment > timezone.now():
        raise InvalidRequest(
            f"{moment:%Y-%m-%d %H:%M:%S} UTC is still to come.",
            advice="Ask for a moment that has passed.",
            details={"fields": {field: "In the future."}},
        )
    return moment
