"""What serves, and what serving saw. `Deployment` and `Generation` are written by `registry_ui.services` alone; a test
says so."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


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
