"""The mirror of MLflow: what has to be written, what was written and found, and what somebody changed there."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import ACTOR_LENGTH, MODEL_LENGTH


class OutboxEntry(models.Model):
    """A note, written with a change, that a model's stages and aliases on the tracking server are out of date.

    It names no target state: whoever works on it mirrors what the database says at that moment, so that entries may be
    repeated, merged and taken in any order.
    """

    model = models.CharField(max_length=MODEL_LENGTH)
    cause = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "mirror entry"
        verbose_name_plural = "mirror outbox"
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(name="outbox_due", fields=["next_try_at"], condition=Q(done_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.cause}"


class MirrorState(models.Model):
    """What of one model we last wrote to the tracking server, and what we last found there.

    Items are `stage:<number>` and `alias:<name>`, values a stage or a version's number here; see
    `registry_ui.services.three_way`. `writing` stands before a write and goes after it, so that what a killed process
    left half-written is known as ours. `runs` says which run each number was then: a version of an emptied or exchanged
    server is another one. `revision` moves with each change of these four: the fence between readers and writers.
    """

    model = models.CharField(max_length=MODEL_LENGTH, unique=True)
    revision = models.PositiveBigIntegerField(default=0)
    written = models.JSONField(default=dict)
    writing = models.JSONField(default=dict)
    found = models.JSONField(default=dict)
    runs = models.JSONField(default=dict)
    missing = models.JSONField(default=list)
    refused = models.JSONField(default=dict)
    synced_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"mirror of {self.model}"


class ForeignChange(models.Model):
    """A stage or an alias that somebody changed on the tracking server itself, and what became of that."""

    class Kind(models.TextChoices):
        STAGE = "stage", "Stage"
        ALIAS = "alias", "Alias"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ADOPTED = "adopted", "Adopted"
        REVERTED = "reverted", "Reverted"
        SUPERSEDED = "superseded", "Superseded by a later decision"
        GONE = "gone", "No longer there"

    model = models.CharField(max_length=MODEL_LENGTH)
    kind = models.CharField(max_length=5, choices=Kind)
    name = models.CharField(max_length=20)
    ours = models.CharField(max_length=40, blank=True)
    theirs = models.CharField(max_length=40, blank=True)
    found_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    resolved_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    resolved_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        verbose_name = "foreign change"
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_change_an_item", fields=["model", "kind", "name"], condition=Q(state="open")
            ),
            models.CheckConstraint(
                name="a_settled_change_says_when", condition=Q(state="open") | Q(resolved_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.subject}"

    @property
    def subject(self) -> str:
        return f"stage of version {self.name}" if self.kind == self.Kind.STAGE else f"alias {self.name}"

    @property
    def key(self) -> str:
        """The item's name in `MirrorState`."""
        return f"{self.kind}:{self.name}"

    @property
    def ours_in_words(self) -> str:
        return self.in_words(self.ours)

    @property
    def theirs_in_words(self) -> str:
        return self.in_words(self.theirs)

    def in_words(self, value: str) -> str:
        """A value of this item as people say it."""
        if self.kind == self.Kind.STAGE:
            return value or "not there"
        return f"version {value}" if value.isdecimal() else value or "no version"
