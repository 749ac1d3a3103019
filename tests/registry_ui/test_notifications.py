"""Notifications: one message an event and channel, never without its decision, delivered through real servers."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from registry_ui.errors import PermissionRefused
from registry_ui.models import AuditEntry, Decision, Notification
from registry_ui.services.access import Actor
from registry_ui.services.candidates import Imported
from registry_ui.services.decisions import version_approve, version_reject
from registry_ui.services.delivery import notifications_deliver, signature
from registry_ui.services.notifications import decision_notify, trial_notify
from tests.processes import free_port
from tests.registry_ui.conftest import Import

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),  # a test without certificates
]
SECRET = "a webhook secret"
PASSWORD = "a mail password"


class Mailbox:
    """A mail server that wants a password, and what it took."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    mailbox, port = Mailbox(), free_port()
    server = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=_authenticate,
        auth_require_tls=False,
        auth_required=True,
    )
    server.start()
    settings.EMAIL_IS_CONFIGURED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "codesoft", PASSWORD
    settings.NOTIFY_EMAIL_TO = ["team@example.org"]
    yield mailbox
    server.stop()


class Hook(ThreadingHTTPServer):
    """A webhook that gives the `answers` one after the other, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HookRequest)
        self.answers: list[int] = []
        self.taken: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/T0KEN"


class _HookRequest(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def hook(settings: Settings) -> Iterator[Hook]:
    hook = Hook()
    Thread(target=hook.serve_forever, args=(0.05,), daemon=True).start()
    settings.NOTIFY_WEBHOOK_URL = hook.url
    settings.NOTIFY_WEBHOOK_SECRET = SECRET
    settings.PUBLIC_URL = "https://registry.example.org"
    yield hook
    hook.shutdown()
    hook.server_close()


@pytest.fixture
def candidate(import_one: Import) -> Imported:
    """Version 2 waits, version 1 is live; the messages about version 1 are out of the way."""
    import_one()
    Notification.objects.all().delete()
    return import_one(flavour=2.0, verdict="promote")


def due_now() -> None:
    Notification.objects.update(next_try_at=timezone.now())


def test_nothing_is_written_unless_a_channel_is_configured(candidate: Imported) -> None:
    assert not Notification.objects.exists()


def test_a_waiting_candidate_is_told_once_by_each_channel(mailbox: Mailbox, hook: Hook, import_one: Import) -> None:
    import_one()
    told = import_one(flavour=2.0, verdict="promote").version
    import_one(flavour=2.0, verdict="promote")

    waiting = Notification.objects.filter(event="approval_requested")
    assert sorted(waiting.values_list("key", "channel")) == [
        (f"approval_requested:{told.pk}", "email"),
        (f"approval_requested:{told.pk}", "webhook"),
    ]
    assert notifications_deliver() == 4  # the policy's first decision, and the candidate
    assert notifications_deliver() == 0
    mail = next(mail for mail in mailbox.mails if "approval requested" in mail["Subject"])
    assert (mail["To"], mail["Subject"]) == ("team@example.org", "fruit version 2: approval requested")
    page = f"https://registry.example.org/admin/registry_ui/modelversion/{told.pk}/change/"
    assert page in mail.get_content()
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 2
    assert page in json.loads(hook.taken[-1][2])["url"]


def test_a_decision_and_its_message_stand_or_fall_together(hook: Hook, candidate: Imported, approver: Actor) -> None:
    Notification.objects.all().delete()

    with transaction.atomic():
        version_approve(model="fruit", number=2, actor=approver, reason="good", expected_generation=1)
        transaction.set_rollback(True)
    assert not Notification.objects.exists()

    version_approve(model="fruit", number=2, actor=approver, reason="good", expected_generation=1)
    decision_notify(decision=Decision.objects.latest("id"))
    row = Notification.objects.get()
    assert (row.event, row.message["action"], row.message["generation"]) == ("decided", "approve", 2)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(
            key=row.key, channel=row.channel, event="decided", message={}, next_try_at=row.created_at
        )


def test_a_webhook_that_fails_twice_gets_the_message_at_the_third_attempt(
    hook: Hook, candidate: Imported, approver: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    Notification.objects.all().delete()
    version_reject(model="fruit", number=2, actor=approver, reason="<!channel> & co", expected_generation=1)
    hook.answers = [500, 302]
    caplog.set_level(logging.DEBUG)

    for attempts, error in ((1, "The webhook answered 500."), (2, "The webhook answered 302.")):
        before = timezone.now()
        assert notifications_deliver() == 0
        row = Notification.objects.get()
        assert (row.attempts, row.last_error) == (attempts, error)
        assert row.next_try_at > before + timedelta(seconds=4 * attempts)
        assert notifications_deliver() == 0, "not before it is due"
        due_now()
    assert notifications_deliver() == 1

    assert [path for path, _, _ in hook.taken] == ["/hooks/T0KEN"] * 3, "a redirect is not followed"
    _, headers, body = hook.taken[-1]
    assert headers["X-Codesoft-Signature"] == signature(
        secret=SECRET, timestamp=headers["X-Codesoft-Timestamp"], body=body
    )
    told = json.loads(body)
    assert "“&lt;!channel&gt; &amp; co”" in told["text"]
    assert (told["action"], told["actor"], told["reason"]) == ("reject", "olga", "<!channel> & co")
    assert (told["model"], told["version"], told["id"]) == ("fruit", 2, headers["X-Codesoft-Delivery"])
    assert {json.loads(sent)["id"] for _, _, sent in hook.taken} == {told["id"]}
    row.refresh_from_db()
    assert row.sent_at is not None
    assert row.last_error == ""
    assert "T0KEN" not in caplog.text
    assert SECRET not in caplog.text


def test_a_wrong_password_is_told_without_it_and_other_channels_go_on(
    mailbox: Mailbox, hook: Hook, candidate: Imported, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_HOST_PASSWORD = "another password"
    Notification.objects.all().delete()
    trial_notify(actor=Actor.operator("test"))
    caplog.set_level(logging.DEBUG)

    assert notifications_deliver() == 1

    failed = Notification.objects.get(channel="email")
    assert "SMTPAuthenticationError" in failed.last_error
    assert "another password" not in caplog.text + failed.last_error
    settings.EMAIL_HOST_PASSWORD = PASSWORD
    due_now()
    assert notifications_deliver() == 1
    assert mailbox.mails[0]["Subject"] == "Codesoft MLOps: test"


def test_a_message_is_given_up_after_a_day_with_its_error_on_the_page(settings: Settings, admin_client: Client) -> None:
    settings.NOTIFY_WEBHOOK_URL = f"http://127.0.0.1:{free_port()}/T0KEN"
    trial_notify(actor=Actor.operator("test"))
    Notification.objects.update(created_at=timezone.now() - timedelta(days=1))

    assert notifications_deliver() == 0
    due_now()
    assert notifications_deliver() == 0

    row = Notification.objects.get()
    assert row.given_up_at is not None
    assert row.attempts == 1
    page = admin_client.get(reverse("admin:registry_ui_notification_changelist")).content.decode()
    assert "Given up" in page
    assert "Connection refused" in page
    assert "T0KEN" not in page


def test_a_worker_without_the_address_says_what_to_set(settings: Settings) -> None:
    settings.NOTIFY_EMAIL_TO = ["team@example.org"]
    settings.NOTIFY_WEBHOOK_URL = "file:///etc/passwd"
    trial_notify(actor=Actor.operator("test"))

    notifications_deliver()

    errors = dict(Notification.objects.values_list("channel", "last_error"))
    assert "Set NOTIFY_EMAIL_TO and EMAIL_URL" in errors["email"]
    assert "Set NOTIFY_WEBHOOK_URL" in errors["webhook"]


def test_the_test_button_needs_its_permission_and_a_channel(
    hook: Hook, admin_client: Client, approver: Actor, settings: Settings
) -> None:
    with pytest.raises(PermissionRefused):
        trial_notify(actor=approver)
    address = reverse("admin:registry_ui_notification_test")

    page = admin_client.post(address, follow=True).content.decode()

    assert "1 test message queued" in page
    assert "Send a test message" in page
    assert AuditEntry.objects.get().action == "notification.test"
    assert notifications_deliver() == 1
    settings.NOTIFY_WEBHOOK_URL = ""
    assert admin_client.post(address).status_code == 409
    page = admin_client.get(reverse("admin:registry_ui_notification_changelist")).content.decode()
    assert "Notifications are off" in page
