"""What callers asked, what they were answered, and what turned out to be true."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

TOKEN_LENGTH = 16  # characters of a token's digest that a row keeps


class Prediction(models.Model):
    """One answer that a caller got. Rows arrive from the spools, in bulk and idempotently by id.

    A row of route `shadow` is what a shadow answered to the same inputs: no caller got it, `shadow_of` is the answer
    that one did get, and the inputs stand there alone. Its id follows from that id and the shadow's bundle.

    `inputs` are null where the spec keeps their hash alone, and once they were erased; `input_hash` stays (empty for
    rows from before it was kept). `token` is the beginning of the digest of the token that was sent.
    """

    id = models.UUIDField(primary_key=True)
    created_at = models.DateTimeField(db_index=True)
    model = models.CharField(max_length=63)
    version = models.PositiveIntegerField()
    bundle = models.CharField(max_length=64)
    route = models.CharField(max_length=10)
    entity_id = models.CharField(max_length=200, blank=True)
    inputs = models.JSONField(null=True)
    input_hash = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=200)
    probability = models.FloatField()
    threshold = models.FloatField(null=True)
    latency_us = models.PositiveIntegerField()
    caller = models.CharField(max_length=150, blank=True)
    shadow_of = models.ForeignKey("self", on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False)
    token = models.CharField(max_length=TOKEN_LENGTH, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(name="prediction_by_model", fields=["model", "-created_at"]),
            models.Index(name="shadow_by_original", fields=["shadow_of"], condition=Q(shadow_of__isnull=False)),
            models.Index(name="prediction_by_entity", fields=["entity_id"], condition=Q(entity_id__gt="")),
            # What retention has still to erase: without it, each sweep would read all that it erased before.
            models.Index(
                name="prediction_with_inputs", fields=["model", "created_at"], condition=Q(inputs__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.version}: {self.label}"


class Feedback(models.Model):
    """The true label of one prediction, as somebody told it. The last one told holds; `earlier` has those before it,
    also the same label where somebody else told it.

    There is no foreign key: feedback may come before its prediction has left the spool. Until that was seen to arrive,
    `model` is empty and the label unchecked; `only_models` has the models that the token which told it was limited to.
    `counted` says that the live performance has seen it as it is.
    """

    prediction_id = models.UUIDField(primary_key=True)
    model = models.CharField(max_length=63, blank=True)
    label = models.CharField(max_length=200)
    caller = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()
    earlier = models.JSONField(default=list)
    only_models = models.JSONField(null=True)
    counted = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "feedback"
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(name="feedback_to_settle", fields=["created_at"], condition=Q(model="")),
            models.Index(name="feedback_by_model", fields=["model", "created_at"]),
            models.Index(name="feedback_to_count", fields=["model", "prediction_id"], condition=Q(counted=False)),
        ]

    def __str__(self) -> str:
        return f"{self.prediction_id}: {self.label}"


class KeptAnswer(models.Model):
    """What a request with an `Idempotency-Key` was answered. `status` is null while it is being answered."""

    token = models.CharField(max_length=128)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    attempt = models.PositiveIntegerField(default=1)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    location = models.CharField(max_length=500, blank=True)
    reserved_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_answer_a_token_and_key", fields=["token", "key"]),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
