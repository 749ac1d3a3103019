"""What became known of answers after they were given."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import ACTOR_LENGTH, MODEL_LENGTH


class LabelledDay(models.Model):
    """The answers that a model gave on one day (UTC) and whose true label was told since, as counts.

    `counts` is version → answered label → true label → how many. `stale` asks to count the day anew, for labels that
    were taken back; those that came or changed say so themselves (`Feedback.counted`).
    """

    model = models.CharField(max_length=MODEL_LENGTH)
    day = models.DateField()
    counts = models.JSONField(default=dict)
    stale = models.BooleanField(default=True)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_labelled_day_a_model", fields=["model", "day"]),
        ]
        indexes: ClassVar = [models.Index(name="labelled_day_stale", fields=["model", "day"], condition=Q(stale=True))]

    def __str__(self) -> str:
        return f"{self.model} on {self.day}"


class FeedbackUpload(models.Model):
    """A file of true labels: what it says was checked when it came, and nothing is written until it is confirmed.

    `lines` are (number in the file, prediction, label, outcome, explanation); `counts` is outcome → how many lines.
    """

    class State(models.TextChoices):
        CHECKED = "checked", "Waits to be confirmed"
        APPLIED = "applied", "Applied"
        REVERTED = "reverted", "Reverted"

    file_name = models.CharField(max_length=200)
    uploaded_by = models.CharField(max_length=ACTOR_LENGTH)
    state = models.CharField(max_length=10, choices=State, default=State.CHECKED)
    lines = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    models_named = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)
    reverted_at = models.DateTimeField(null=True)
    left_alone = models.PositiveIntegerField(default=0)  # by a revert: others told or confirmed these labels since

    class Meta:
        ordering: ClassVar = ["-created_at"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(name="upload_by_person", fields=["uploaded_by", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.file_name} by {self.uploaded_by}"
