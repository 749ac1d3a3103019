"""What workers do for a row: pipeline runs, and what somebody asked for on a page."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import ACTOR_LENGTH, MODEL_LENGTH
from registry_ui.models.versions import ModelVersion

RUN_ATTEMPTS = 3
ACTIVE_STATES = ("queued", "running")


class LeasedWork(models.Model):
    """What a worker does for a row: the row is the truth, messages only say that it may be looked at.

    An attempt holds the row while it renews the lease; `services.dispatching` sends due rows and rescues expired ones.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.CharField(max_length=ACTOR_LENGTH)
    state = models.CharField(max_length=10, default="queued")
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES


class Trigger(models.TextChoices):
    """Who or what starts a run. The last three start one unasked, see `services.retraining`."""

    PERSON = "person", "A person"
    COMMAND = "command", "A command"
    API = "api", "The API"
    SCHEDULE = "schedule", "The schedule"
    DOCUMENTS = "documents", "New documents"
    DRIFT = "drift", "Drift"


class PipelineRun(LeasedWork):
    """One training run."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        LOST = "lost", "Lost"

    model = models.CharField(max_length=MODEL_LENGTH)
    trigger = models.CharField(max_length=10, choices=Trigger)
    trigger_detail = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    stage = models.CharField(max_length=40, blank=True)
    stages = models.JSONField(default=list)
    log = models.TextField(blank=True)
    documents = models.PositiveBigIntegerField(null=True)  # that the source held, and the last one's id
    watermark = models.CharField(max_length=200, blank=True)
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
            models.CheckConstraint(name="a_run_has_a_known_trigger", condition=Q(trigger__in=Trigger.values)),
            models.UniqueConstraint(
                name="one_active_run_a_model", fields=["model"], condition=Q(state__in=ACTIVE_STATES)
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


class BackgroundTask(LeasedWork):
    """Work that somebody asked for on a page.

    `subject` names what it is about within its kind; one active task a (kind, subject) is a constraint. `asked` and
    `result` belong to the kind, see `registry_ui.services.background_kinds`.
    """

    class Kind(models.TextChoices):
        SYNC = "sync", "Sync with the tracking server"
        FLIPS = "flips", "Decisions that would flip"
        THRESHOLD = "threshold", "A candidate with another threshold"
        RECALIBRATION = "recalibration", "A candidate with other probabilities"
        PREVIEW = "preview", "What a run would do"
        PROPOSALS = "proposals", "What could be done, and what it would gain"
        DRIFT = "drift", "Drift evaluation"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    kind = models.CharField(max_length=20, choices=Kind)
    model = models.CharField(max_length=MODEL_LENGTH, blank=True)
    subject = models.CharField(max_length=200)
    asked = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    step = models.CharField(max_length=200, blank=True)
    result = models.JSONField(default=dict)

    class Meta:
        verbose_name = "background task"
        ordering: ClassVar = ["-created_at"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(name="task_by_state", fields=["state", "due_at"])]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_active_task_a_subject",
                fields=["kind", "subject"],
                condition=Q(state__in=ACTIVE_STATES),
            ),
            models.CheckConstraint(name="task_attempts_are_capped", condition=Q(attempt__lte=RUN_ATTEMPTS)),
            models.CheckConstraint(
                name="a_running_task_has_a_lease", condition=~Q(state="running") | Q(lease_expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"

    @property
    def percent(self) -> int:
        """How much of it is done, 0 to 100."""
        return min(100, 100 * self.done // self.total) if self.total else 0


class BrokerContact(models.Model):
    """One row: how the dispatcher's last round with the broker went. Pages read it; only the dispatcher writes it."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    looked_at = models.DateTimeField()
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(name="one_broker_contact", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"no broker since {self.failing_since}" if self.failing_since else "the broker answers"
