"""Versions, decisions, the audit chain, pipeline runs and the outbox. `registry_ui.services` alone writes them."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

HASH_LENGTH = 64
MODEL_LENGTH = 63
ACTOR_LENGTH = 200
RUN_ATTEMPTS = 3


class VersionManager(models.Manager["ModelVersion"]):
    """Leaves the curves out until they are asked for: they are large, and the review page alone draws them."""

    def get_queryset(self) -> models.QuerySet["ModelVersion"]:
        return super().get_queryset().defer("curves")


class ModelVersion(models.Model):
    """One registered version: what was imported, what the pipeline recommends, and what became of it.

    Its identity is (model, bundle hash, data hash). `run_id`, `tracking_version` and their URLs say where it stands on
    the tracking server now, `parameters` and `tags` what that server says of it; they change when it does. `number`
    never changes. `scores_hash` and `rows_hash`
    name what is kept of its evaluation in the evidence store; both are empty for a version that was trained elsewhere.
    """

    class Stage(models.TextChoices):
        STAGING = "Staging"
        PRODUCTION = "Production"
        ARCHIVED = "Archived"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting for a decision"
        CHANGES = "changes", "Changes requested"
        CANARY = "canary", "Canary"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    model = models.CharField(max_length=MODEL_LENGTH)
    number = models.PositiveIntegerField()
    bundle_hash = models.CharField(max_length=HASH_LENGTH)
    data_hash = models.CharField(max_length=HASH_LENGTH)
    stage = models.CharField(max_length=10, choices=Stage, null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    run_id = models.CharField(max_length=64, blank=True)
    tracking_version = models.PositiveIntegerField(null=True)
    tracking_url = models.CharField(max_length=500, blank=True)
    run_url = models.CharField(max_length=500, blank=True)
    metrics = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    recommendation = models.JSONField(default=dict)
    lineage = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    spec = models.JSONField(default=dict)
    curves = models.JSONField(default=dict)
    scores_hash = models.CharField(max_length=HASH_LENGTH, blank=True)
    rows_hash = models.CharField(max_length=HASH_LENGTH, blank=True)
    bundle_bytes = models.PositiveBigIntegerField(null=True)
    requested_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VersionManager()

    class Meta:
        verbose_name = "version"
        ordering: ClassVar = ["model", "-number"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(name="version_by_age", fields=["-created_at"]),
            models.Index(name="version_by_status", fields=["status", "-created_at"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_version_a_number", fields=["model", "number"]),
            models.UniqueConstraint(name="one_version_a_triple", fields=["model", "bundle_hash", "data_hash"]),
            models.UniqueConstraint(name="one_production_a_model", fields=["model"], condition=Q(stage="Production")),
            models.CheckConstraint(
                name="production_is_approved", condition=~Q(stage="Production") | Q(status="approved")
            ),
            models.UniqueConstraint(name="one_canary_a_model", fields=["model"], condition=Q(status="canary")),
        ]

    def __str__(self) -> str:
        return f"{self.model} version {self.number}"


class Decision(models.Model):
    """One recorded decision: who, what, why, on which evidence, and which generation it made. Append-only."""

    class Action(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        REQUEST_CHANGES = "request_changes", "Changes requested"
        REOPEN = "reopen", "Reopened"
        SET_CANARY = "set_canary", "Set as canary"
        PROMOTE_CANARY = "promote_canary", "Canary promoted"
        END_CANARY = "end_canary", "Canary ended"
        ROLL_BACK = "roll_back", "Rolled back"
        RETIRE = "retire", "Retired"

    model = models.CharField(max_length=MODEL_LENGTH)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="decisions")
    action = models.CharField(max_length=20, choices=Action)
    actor = models.CharField(max_length=ACTOR_LENGTH)
    reason = models.TextField()
    generation_before = models.PositiveBigIntegerField()
    generation_after = models.PositiveBigIntegerField()
    evidence = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(name="decision_by_model", fields=["model", "-id"])]
        constraints: ClassVar = [
            models.CheckConstraint(name="decision_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="decision_moves_at_most_one",
                condition=Q(generation_after=F("generation_before")) | Q(generation_after=F("generation_before") + 1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.version} by {self.actor}"


class ApprovalRequest(models.Model):
    """One ask for a decision about a version: who started its run, who asks, and who decided.

    `four_eyes` is copied from the policy. While the version is the canary its request is decided, and still the
    version's current one: promoting decides it again. `policy_says` is why no policy decided by itself.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CANARY = "canary", "Canary"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        CHANGES = "changes", "Changes requested"

    model = models.CharField(max_length=MODEL_LENGTH)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="approvals")
    started_by = models.CharField(max_length=ACTOR_LENGTH)
    requested_by = models.CharField(max_length=ACTOR_LENGTH)
    four_eyes = models.BooleanField()
    policy_says = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_by = models.CharField(max_length=ACTOR_LENGTH, null=True)
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "approval request"
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                name="four_eyes_decide",
                condition=Q(four_eyes=False)
                | Q(decided_by__isnull=True)
                | (~Q(decided_by=F("requested_by")) & ~Q(decided_by=F("started_by"))),
            ),
            models.CheckConstraint(
                name="an_open_request_is_undecided",
                condition=Q(state="open", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
            models.UniqueConstraint(
                name="one_current_request_a_version", fields=["version"], condition=Q(state__in=["open", "canary"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}: asked by {self.requested_by}, {self.get_state_display().lower()}"

    @property
    def askers(self) -> set[str]:
        """Who is bound by four eyes."""
        return {self.requested_by, self.started_by}


class ModelPolicy(models.Model):
    """What an administrator set for one model over its declared policy. `four_eyes` None: as declared."""

    model = models.CharField(max_length=MODEL_LENGTH, unique=True)
    four_eyes = models.BooleanField(null=True)

    class Meta:
        verbose_name_plural = "model policies"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.model}: four eyes {self.four_eyes}"


class AuditEntry(models.Model):
    """One link of the audit chain. `hash` covers `previous_hash` and the exact `payload` text; columns repeat it."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=ACTOR_LENGTH)
    action = models.CharField(max_length=40)
    model = models.CharField(max_length=MODEL_LENGTH, blank=True)
    subject = models.CharField(max_length=100)
    payload = models.TextField()
    previous_hash = models.CharField(max_length=HASH_LENGTH, unique=True)
    hash = models.CharField(max_length=HASH_LENGTH, unique=True)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        ordering: ClassVar = ["-sequence"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(name="audit_by_model", fields=["model", "-sequence"])]

    def __str__(self) -> str:
        return f"#{self.sequence} {self.action} {self.subject}"


class AuditHead(models.Model):
    """The chain's one head. Locked last in every transaction, and moved by a compare-and-set."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=HASH_LENGTH)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(name="one_audit_head", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"head at {self.sequence}"


class PipelineRun(models.Model):
    """One training run. The row is the truth: messages only say that it may be looked at."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        LOST = "lost", "Lost"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.CharField(max_length=MODEL_LENGTH)
    trigger = models.CharField(max_length=40)
    requested_by = models.CharField(max_length=ACTOR_LENGTH)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stage = models.CharField(max_length=40, blank=True)
    stages = models.JSONField(default=list)
    log = models.TextField(blank=True)
    error = models.TextField(blank=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, related_name="runs")

    class Meta:
        verbose_name = "pipeline run"
        ordering: ClassVar = ["-created_at"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(name="run_by_state", fields=["state", "due_at"]),
            models.Index(name="run_by_age", fields=["-created_at"]),
            models.Index(name="run_by_model", fields=["model", "-created_at"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_active_run_a_model", fields=["model"], condition=Q(state__in=["queued", "running"])
            ),
            models.CheckConstraint(name="run_attempts_are_capped", condition=Q(attempt__lte=RUN_ATTEMPTS)),
            models.CheckConstraint(
                name="a_running_run_has_a_lease", condition=~Q(state="running") | Q(lease_expires_at__isnull=False)
            ),
            models.CheckConstraint(
                name="a_succeeded_run_has_a_version", condition=~Q(state="succeeded") | Q(version__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} run {str(self.id)[:8]}"

    @property
    def is_active(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.RUNNING)


class BackgroundTask(models.Model):
    """Work that somebody asked for on a page and that a worker does: the row is the truth, messages only wake it.

    `subject` names what it is about within its kind; one active task a (kind, subject) is a constraint. `asked` and
    `result` belong to the kind, see `registry_ui.services.background_kinds`.
    """

    class Kind(models.TextChoices):
        SYNC = "sync", "Sync with the tracking server"
        FLIPS = "flips", "Decisions that would flip"
        THRESHOLD = "threshold", "A candidate with another threshold"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    model = models.CharField(max_length=MODEL_LENGTH, blank=True)
    subject = models.CharField(max_length=200)
    asked = models.JSONField(default=dict)
    requested_by = models.CharField(max_length=ACTOR_LENGTH)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    step = models.CharField(max_length=200, blank=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = "background task"
        ordering: ClassVar = ["-created_at"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(name="task_by_state", fields=["state", "due_at"])]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_active_task_a_subject",
                fields=["kind", "subject"],
                condition=Q(state__in=["queued", "running"]),
            ),
            models.CheckConstraint(name="task_attempts_are_capped", condition=Q(attempt__lte=RUN_ATTEMPTS)),
            models.CheckConstraint(
                name="a_running_task_has_a_lease", condition=~Q(state="running") | Q(lease_expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"

    @property
    def is_active(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def percent(self) -> int:
        """How much of it is done, 0 to 100."""
        return min(100, 100 * self.done // self.total) if self.total else 0


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


class Notification(models.Model):
    """A message about an event for one channel, written in the transaction of what it tells and delivered by a worker.

    `key` names the event: its second row for a channel is the first one. `message` is complete, as it was then.
    """

    class Event(models.TextChoices):
        APPROVAL_REQUESTED = "approval_requested", "Approval requested"
        DECIDED = "decided", "Decided"
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
