"""The audit chain."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import ACTOR_LENGTH, HASH_LENGTH, MODEL_LENGTH


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
