"""Deliver the messages that wait: at least once, later each time after a failure, given up after a day."""

import hashlib
import hmac
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone

from ml_pipeline.canonical import canonical_json
from registry_ui.errors import NotificationUndelivered
from registry_ui.models import Notification

_AT_ONCE = 50
_CLAIM = timedelta(minutes=5)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=1)
_WEBHOOK_SECONDS = 5
_log = structlog.get_logger(__name__)


def notifications_deliver() -> int:
    """Send what is due, and give how much was. A channel that fails is left alone for the rest of this round."""
    due = Notification.objects.filter(sent_at__isnull=True, given_up_at__isnull=True, next_try_at__lte=timezone.now())
    sent, failing = 0, set()
    for row in due.order_by("id")[:_AT_ONCE]:
        if row.channel not in failing and _claim(row):
            try:
                _SENDERS[row.channel](row)
            except Exception as error:  # whatever a foreign server makes its client raise: the row keeps it
                failing.add(row.channel)
                _postpone(row, error)
            else:
                Notification.objects.filter(pk=row.pk).update(sent_at=timezone.now(), last_error="")
                sent += 1
    return sent


def signature(*, secret: str, timestamp: str, body: bytes) -> str:
    """What `X-Codesoft-Signature` says: who knows the secret computes the same, and refuses old timestamps."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _claim(row: Notification) -> bool:
    """A compare-and-set on the due moment, so that two workers do not send one message."""
    mine = Notification.objects.filter(pk=row.pk, next_try_at=row.next_try_at, sent_at__isnull=True)
    return bool(mine.update(next_try_at=timezone.now() + _CLAIM))


def _postpone(row: Notification, error: Exception) -> None:
    now = timezone.now()
    told = _without_secrets(
        str(error) if isinstance(error, NotificationUndelivered) else f"{type(error).__name__}: {error}"
    )
    over = now - row.created_at >= _GIVEN_UP_AFTER
    pause = min(_FIRST_PAUSE * 2 ** min(row.attempts, 12), _LONGEST_PAUSE)
    Notification.objects.filter(pk=row.pk).update(
        attempts=row.attempts + 1,
        next_try_at=now + pause,
        last_error=told[:2_000],
        given_up_at=now if over else None,
    )
    _log.warning(
        "notification_given_up" if over else "notification_failed", id=row.key, channel=row.channel, error=told
    )


def _without_secrets(text: str) -> str:
    for secret in (settings.NOTIFY_WEBHOOK_URL, settings.NOTIFY_WEBHOOK_SECRET, settings.EMAIL_HOST_PASSWORD):
        text = text.replace(secret, "…") if secret else text
    return text


def _send_email(row: Notification) -> None:
    if not (settings.NOTIFY_EMAIL_TO and settings.EMAIL_IS_CONFIGURED):
        raise NotificationUndelivered(
            "This worker knows no mail server.", advice="Set NOTIFY_EMAIL_TO and EMAIL_URL for it."
        )
    message = row.message
    about = f"{message['model']} version {message['version']}" if "model" in message else "Codesoft MLOps"
    EmailMessage(
        subject=f"{about}: {row.get_event_display().lower()}",
        body="\n\n".join(filter(None, [message["text"], *message.get("reasons", []), message.get("url")])),
        to=settings.NOTIFY_EMAIL_TO,
        # The same in every attempt: a mail client shows a message that came twice once.
        headers={"Message-ID": f"<{row.key.replace(':', '.')}.{row.pk}@codesoft-mlops>"},
    ).send()


def _send_webhook(row: Notification) -> None:
    url = settings.NOTIFY_WEBHOOK_URL
    if not url.startswith(("http://", "https://")):
        raise NotificationUndelivered(
            "This worker knows no webhook.", advice="Set NOTIFY_WEBHOOK_URL to an http(s) address."
        )
    body = canonical_json({**row.message, "text": _slack_text(row.message)})
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "codesoft-mlops",
        "X-Codesoft-Delivery": row.key,
        "X-Codesoft-Timestamp": timestamp,
    }
    if secret := settings.NOTIFY_WEBHOOK_SECRET:
        headers["X-Codesoft-Signature"] = signature(secret=secret, timestamp=timestamp, body=body)
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked above
    try:
        _opener.open(request, timeout=_WEBHOOK_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise NotificationUndelivered(f"The webhook answered {error.code}.") from error
    except urllib.error.URLError as error:
        raise NotificationUndelivered(f"The webhook cannot be reached: {error.reason}.") from error


def _slack_text(message: dict[str, Any]) -> str:
    """Slack reads markup in `text`: a reason with `<!channel>` would call everybody."""
    text = " ".join(filter(None, [message["text"], message.get("url")]))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The address is the operator's choice; where that one points to is not."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)
_SENDERS: dict[str, Callable[[Notification], None]] = {
    Notification.Channel.EMAIL: _send_email,
    Notification.Channel.WEBHOOK: _send_webhook,
}
