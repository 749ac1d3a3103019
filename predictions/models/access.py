"""What tokens and models may do."""

from django.db import models


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
