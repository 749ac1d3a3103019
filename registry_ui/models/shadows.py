"""What shadows were found to answer."""

from typing import Any, ClassVar

from django.db import models

from registry_ui.models.columns import HASH_LENGTH, MODEL_LENGTH


class ShadowComparison(models.Model):
    """A shadow's answers beside one champion's to the same inputs, counted as they come in.

    `reached_at` and `reached_id` are the place of the last prediction that was looked at. Of those, the inputs of some
    were not kept (`skipped`), some the shadow `refused`, and the others are `compared`: with some it `agreed`, `flips`
    counts the rest by both labels. The sums are over the compared: the shadow's probability of one label minus the
    champion's, with its sign and without.
    """

    model = models.CharField(max_length=MODEL_LENGTH)
    shadow_version = models.PositiveIntegerField()
    shadow_bundle = models.CharField(max_length=HASH_LENGTH)
    champion_version = models.PositiveIntegerField()
    champion_bundle = models.CharField(max_length=HASH_LENGTH)
    reached_at = models.DateTimeField()
    reached_id = models.UUIDField()
    compared = models.PositiveBigIntegerField(default=0)
    agreed = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(default=0)
    flips = models.JSONField(default=dict)
    difference_sum = models.FloatField(default=0.0)
    distance_sum = models.FloatField(default=0.0)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_comparison_a_pair",
                fields=["model", "shadow_version", "shadow_bundle", "champion_version", "champion_bundle"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.model}: version {self.shadow_version} beside version {self.champion_version}"

    @property
    def agreed_percent(self) -> float | None:
        """How many of the compared have the same label."""
        return 100 * self.agreed / self.compared if self.compared else None

    @property
    def mean_difference(self) -> float | None:
        return self.difference_sum / self.compared if self.compared else None

    @property
    def mean_distance(self) -> float | None:
        return self.distance_sum / self.compared if self.compared else None

    @property
    def ways(self) -> list[dict[str, Any]]:
        """The flips, the most frequent first: from the champion's label to the shadow's."""
        ways = [
            {"from": old, "to": new, "rows": rows} for old, by_new in self.flips.items() for new, rows in by_new.items()
        ]
        return sorted(ways, key=lambda way: (-way["rows"], way["from"], way["to"]))
