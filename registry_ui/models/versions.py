"""Registered versions."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import ACTOR_LENGTH, HASH_LENGTH, MODEL_LENGTH


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
