"""Versions on trial."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from registry_ui.models.columns import ACTOR_LENGTH, HASH_LENGTH, MODEL_LENGTH


class VersionTrial(models.Model):
    """A version that is watched: a canary beside its champion, or a champion after the one that it replaced.

    `beside` is the version that it is compared with, `rules` the section `rollout` that holds for it, `signals` how it
    fares and the state of each test, by name, `counted` the calls that are added up and up to when
    (`registry_ui.services.trial_counts`), and `points` the evidence over time. A canary with `planned_by` goes from
    step to step by itself; `share`, `step_at` and `step_calls` say where it stands since when. `says` is why it waits,
    or how it ended.
    """

    class Kind(models.TextChoices):
        CANARY = "canary", "Canary"
        CHAMPION = "champion", "New champion"

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        HELD = "held", "Waits for a person"
        PASSED = "passed", "Passed"
        STOPPED = "stopped", "Stopped"
        ENDED = "ended", "Ended by a decision"

    OPEN_STATES: ClassVar = (State.RUNNING, State.PAUSED, State.HELD)

    model = models.CharField(max_length=MODEL_LENGTH)
    kind = models.CharField(max_length=10, choices=Kind)
    version = models.PositiveIntegerField()
    bundle = models.CharField(max_length=HASH_LENGTH)
    beside = models.PositiveIntegerField()
    generation = models.PositiveBigIntegerField()
    rules = models.JSONField()
    planned_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    says = models.TextField(blank=True)
    share = models.FloatField(null=True)
    step_at = models.DateTimeField()
    step_calls = models.PositiveBigIntegerField(default=0)
    signals = models.JSONField(default=dict)
    counted = models.JSONField(default=dict, null=True)
    points = models.JSONField(default=list)
    started_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(name="trial_by_model", fields=["model", "-id"])]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_trial_a_kind",
                fields=["model", "kind"],
                condition=Q(state__in=["running", "paused", "held"]),
            ),
            models.CheckConstraint(
                name="a_trial_that_is_over_says_when",
                condition=Q(state__in=["running", "paused", "held"], ended_at__isnull=True)
                | (~Q(state__in=["running", "paused", "held"]) & Q(ended_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} version {self.version} as {self.get_kind_display().lower()}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN_STATES

    @property
    def calls(self) -> int:
        """How often callers asked the version since the trial began, as far as it was looked at."""
        errors: dict[str, Any] = self.signals.get("errors", {})
        return int(sum(errors.get("tested", ())))


class GuardRound(models.Model):
    """One row: when the guard over canaries and new champions last went round. It needs beat, broker and worker, so a
    row that grows old says that one of them is gone."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    ended_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(name="one_guard_round", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"round of {self.ended_at:%Y-%m-%d %H:%M:%S} UTC"
