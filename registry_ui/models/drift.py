"""What was found when live traffic was compared with the rows that the champion was judged on."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import ACTOR_LENGTH, HASH_LENGTH, MODEL_LENGTH


class DriftReport(models.Model):
    """One evaluation of a champion's newest answers, from `window_from` to `window_to`.

    `rows` answers were looked at, `rows_with_inputs` have their inputs still; as repeats tell nothing new they count as
    `effective_rows`. `statistics`, `estimates` and `live` are what `ml_pipeline.drift` found, `thresholds` what was
    declared then. `html` is the path of Evidently's page in the bundle store, empty where there is none or no more.
    """

    class State(models.TextChoices):
        DRIFTED = "drifted", "Drifted"
        STEADY = "steady", "Steady"
        INSUFFICIENT = "insufficient", "Insufficient data"
        NO_REFERENCE = "no_reference", "No reference kept"
        FAILED = "failed", "Failed"

    model = models.CharField(max_length=MODEL_LENGTH)
    version = models.PositiveIntegerField()
    bundle = models.CharField(max_length=HASH_LENGTH)
    state = models.CharField(max_length=12, choices=State)
    window_from = models.DateTimeField(null=True)
    window_to = models.DateTimeField(null=True)
    rows = models.PositiveIntegerField(default=0)
    rows_with_inputs = models.PositiveIntegerField(default=0)
    effective_rows = models.PositiveIntegerField(null=True)
    reference_rows = models.PositiveIntegerField(default=0)
    minimum_rows = models.PositiveIntegerField(default=0)
    statistics = models.JSONField(default=list)
    estimates = models.JSONField(default=list)
    live = models.JSONField(null=True)
    html = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    seconds = models.FloatField(default=0.0)
    requested_by = models.CharField(max_length=ACTOR_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "drift report"
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(name="drift_by_model", fields=["model", "-id"])]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_judged_window_has_rows",
                condition=~Q(state__in=["drifted", "steady"])
                | Q(rows__gt=0, window_from__isnull=False, window_to__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} version {self.version}: {self.get_state_display().lower()}"

    @property
    def is_judged(self) -> bool:
        """Whether there was enough of both sides to say anything."""
        return self.state in (self.State.DRIFTED, self.State.STEADY)
