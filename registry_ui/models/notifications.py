"""Messages about events."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import MODEL_LENGTH


class Notification(models.Model):
    """A message about an event for one channel, written in the transaction of what it tells and delivered by a worker.

    `key` names the event: its second row for a channel is the first one. `message` is complete, as it was then.
    """

    class Event(models.TextChoices):
        APPROVAL_REQUESTED = "approval_requested", "Approval requested"
        DECIDED = "decided", "Decided"
        TRIAL_HELD = "trial_held", "A trial waits"
        DRIFTED = "drifted", "Drifted"
        TEST = "test", "Test"

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"

    key = models.CharField(max_length=100)
    channel = models.CharField(max_length=10, choices=Channel)
    event = models.CharField(max_length=20, choices=Event)
    model = models.CharField(max_length=MODEL_LENGTH, blank=True)
    message = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        permissions: ClassVar = [("test_notification", "Can send test notifications")]
        indexes: ClassVar = [
            models.Index(
                name="notification_due",
                fields=["next_try_at"],
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_message_an_event_and_channel", fields=["key", "channel"]),
            models.CheckConstraint(
                name="sent_or_given_up", condition=Q(sent_at__isnull=True) | Q(given_up_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.message['text']}"
