"""Decisions, the requests that they answer, and what an administrator set over a model's policy."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from registry_ui.models.columns import ACTOR_LENGTH, MODEL_LENGTH
from registry_ui.models.versions import ModelVersion


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
        SET_SHADOW = "set_shadow", "Set as shadow"
        END_SHADOW = "end_shadow", "Shadow ended"
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
    """What is set for one model. `four_eyes` is an administrator's switch (None: as declared); `retraining` is the
    section of that name as the last run of ours found it declared."""

    model = models.CharField(max_length=MODEL_LENGTH, unique=True)
    four_eyes = models.BooleanField(null=True)
    retraining = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "model policies"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.model}: four eyes {self.four_eyes}"
