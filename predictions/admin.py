"""The serving tables in the admin: to look at. What serves is decided on the registry's pages."""

import uuid
from typing import ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from predictions.models import Deployment, Generation, Observation, Prediction


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that people read and programs write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["created_at", "model", "version", "label", "probability", "route", "entity_id", "caller"]
    list_filter: ClassVar = ["model", "version", "label", "route", "created_at"]
    search_fields: ClassVar = ["id", "entity_id"]
    search_help_text = "A prediction's whole id, or an entity's."
    ordering: ClassVar = ["-created_at"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Prediction], search_term: str
    ) -> tuple[QuerySet[Prediction], bool]:
        """Whole values only: a search for parts of words would read the whole log."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=uuid.UUID(term)), False
        except ValueError:
            return queryset.filter(entity_id=term), False


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["model", "generation", "champion_version", "canary_version", "canary_share", "updated_at"]
    search_fields: ClassVar = ["model"]
    ordering: ClassVar = ["model"]


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    list_display: ClassVar = [
        "model",
        "number",
        "champion_version",
        "canary_version",
        "canary_share",
        "cause",
        "created_at",
    ]
    list_filter: ClassVar = ["model"]
    ordering: ClassVar = ["-created_at"]


@admin.register(Observation)
class ObservationAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["created_at", "kind", "model", "subject", "message"]
    list_filter: ClassVar = ["kind", "model", "created_at"]
    search_fields: ClassVar = ["subject"]
    ordering: ClassVar = ["-created_at"]
