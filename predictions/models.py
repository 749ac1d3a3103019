"""The serving tables. `Deployment` and `Generation` are written by `registry_ui.services` alone; a test says so."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

TOKEN_LENGTH = 16  # characters of a token's digest that a row keeps


class Deployment(models.Model):
    """What serves one model now. Every change adds one to `generation` in a compare-and-set.

    `former` has the last champions before this one, newest first, as `{"version", "bundle"}`. A shadow serves nobody: a
    worker asks it what the champion was asked.
    """

    model = models.CharField(max_length=63, unique=True)
    generation = models.PositiveBigIntegerField(default=0)
    champion_version = models.PositiveIntegerField(null=True)
    champion_bundle = models.CharField(max_length=64, null=True)
    canary_version = models.PositiveIntegerField(null=True)
    canary_bundle = models.CharField(max_length=64, null=True)
    canary_share = models.FloatField(null=True)
    shadow_version = models.PositiveIntegerField(null=True)
    shadow_bundle = models.CharField(max_length=64, null=True)
    former = models.JSONField(default=list)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        # Held for every model (by a group), or on this row for this model alone.
        permissions: ClassVar = [
            ("request_deployment", "Can request and cancel pipeline runs, and ask for approval"),
            ("approve_deployment", "Can decide about versions"),
            ("rollback_deployment", "Can roll back, end canaries and retire"),
            ("administer_deployment", "Can manage who may do what, and four eyes"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="champion_is_whole_or_absent",
                condition=Q(champion_version__isnull=True, champion_bundle__isnull=True)
                | Q(champion_version__isnull=False, champion_bundle__isnull=False),
            ),
            models.CheckConstraint(
                name="canary_is_whole_or_absent",
                condition=Q(canary_version__isnull=True, canary_bundle__isnull=True, canary_share__isnull=True)
                | Q(
                    canary_version__isnull=False,
                    canary_bundle__isnull=False,
                    canary_share__gt=0,
                    canary_share__lt=1,
                    champion_version__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="shadow_is_whole_or_absent",
                condition=Q(shadow_version__isnull=True, shadow_bundle__isnull=True)
                | (
                    Q(shadow_version__isnull=False, shadow_bundle__isnull=False, champion_version__isnull=False)
                    & ~Q(shadow_version=F("champion_version"))
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}: version {self.champion_version}, generation {self.generation}"


class Generation(models.Model):
    """The history of a deployment: what it said from when on, canary and shadow included, and because of what."""

    model = models.CharField(max_length=63)
    number = models.PositiveBigIntegerField()
    champion_version = models.PositiveIntegerField(null=True)
    champion_bundle = models.CharField(max_length=64, null=True)
    canary_version = models.PositiveIntegerField(null=True)
    canary_bundle = models.CharField(max_length=64, null=True)
    canary_share = models.FloatField(null=True)
    shadow_version = models.PositiveIntegerField(null=True)
    shadow_bundle = models.CharField(max_length=64, null=True)
    cause = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_row_a_generation", fields=["model", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.model} generation {self.number}"


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


class TokenDetails(models.Model):
    """What an API token may do, beside knox's row of its digest, owner and expiry.

    A token without such a row was made by hand, outside the product's pages: it has every scope on every model.
    """

    token = models.OneToOneField("knox.AuthToken", models.CASCADE, primary_key=True, related_name="details")
    name = models.CharField(max_length=100)
    scopes = models.JSONField()
    model_names = models.JSONField(null=True)  # null: every model, also those to come
    rate_limit = models.PositiveIntegerField(null=True)  # requests a minute; null: the default
    last_used_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=150)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class ModelLimit(models.Model):
    """How many prediction requests a minute a model takes, where it is not the default. 0: as many as come."""

    model = models.CharField(max_length=63, unique=True)
    requests_per_minute = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.model}: {self.requests_per_minute} a minute"


class Feedback(models.Model):
    """The true label of one prediction, as somebody told it. The last one told holds; `earlier` has those before it.

    There is no foreign key: feedback may come before its prediction has left the spool. Until that was seen to arrive,
    `model` is empty and the label unchecked. `counted` says that the live performance has seen it as it is.
    """

    prediction_id = models.UUIDField(primary_key=True)
    model = models.CharField(max_length=63, blank=True)
    label = models.CharField(max_length=200)
    caller = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField()
    earlier = models.JSONField(default=list)
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


class Observation(models.Model):
    """Something that serving saw and that somebody should know: a bundle that cannot be loaded, a torn spool."""

    created_at = models.DateTimeField(auto_now_add=True)
    model = models.CharField(max_length=63, blank=True)
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=100)
    message = models.TextField()

    class Meta:
        indexes: ClassVar = [models.Index(name="observation_by_model", fields=["model", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"


class VersionCount(models.Model):
    """What one process (`writer`, from its start on) asked one version in one minute, and how that went.

    A call is a request, or what of its rows fell to the version. `failures` has calls without an answer, by code;
    `times` counts the calls with one row by `ml_pipeline.spec.rollout.LATENCY_BOUNDS`, and last those beyond.
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


class BundleFault(models.Model):
    """A process that cannot load a bundle, as long as it cannot: it renews `seen_at`, and removes the row afterwards.

    A row that is not renewed is that of a process that died. `copied`: the store gave the files, so that the fault is
    the bundle's; where it did not, nothing is known about the bundle.
    """

    process = models.CharField(max_length=100)
    bundle = models.CharField(max_length=64)
    model = models.CharField(max_length=63)
    message = models.TextField()
    copied = models.BooleanField(default=True)
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_fault_a_process_and_bundle", fields=["process", "bundle"]),
        ]
        indexes: ClassVar = [models.Index(name="bundle_fault_by_model", fields=["model", "-seen_at"])]

    def __str__(self) -> str:
        return f"{self.process} cannot load {self.bundle[:12]}"
