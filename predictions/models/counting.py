"""How much was asked and how that went, counted in memory and written now and then."""

from typing import ClassVar

from django.db import models


class TrafficSlot(models.Model):
    """What callers asked of a model in half an hour, over all processes: the admin's charts need no Prometheus.

    `requests` were answered, with `rows` predictions; `refused` is error code → requests. `latencies` counts the
    answered ones by the buckets of `predictions.metrics.PREDICTION_SECONDS`, the last one without an end.
    """

    model = models.CharField(max_length=63)
    start = models.DateTimeField()
    requests = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)
    refused = models.JSONField(default=dict)
    latencies = models.JSONField(default=list)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_slot_a_model_and_start", fields=["model", "start"]),
        ]
        indexes: ClassVar = [models.Index(name="traffic_by_start", fields=["start"])]

    def __str__(self) -> str:
        return f"{self.model} from {self.start:%Y-%m-%d %H:%M}"


class VersionCount(models.Model):
    """What one process (`writer`, from its start on) asked one version in one minute, and how that went.

    A call is a request, or what of its rows fell to the version. `failures` has calls without an answer, by code;
    `times` counts the calls with one row by `ml_pipeline.spec.rollout.LATENCY_BOUNDS`, and last those beyond. `sizes`
    has the answered and the failed calls by how many rows they have (`predictions.version_counts.size_of`), or nothing
    where the release before wrote the row.
    """

    writer = models.UUIDField()
    model = models.CharField(max_length=63)
    version = models.PositiveIntegerField()
    bundle = models.CharField(max_length=64)
    route = models.CharField(max_length=10)
    minute = models.DateTimeField()
    calls = models.PositiveIntegerField()
    failures = models.JSONField(default=dict)
    times = models.JSONField(default=list)
    sizes = models.JSONField(null=True)

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_count_a_process_and_minute",
                fields=["writer", "model", "version", "bundle", "route", "minute"],
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="version_count_by_model", fields=["model", "version", "minute"]),
            models.Index(name="version_count_by_age", fields=["minute"]),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.version}: {self.calls} calls, {sum(self.failures.values())} failed"
