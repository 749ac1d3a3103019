"""The list of versions, and the review page: what an approver needs to decide, and the buttons to do it."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from registry_ui.admin import deciding, review
from registry_ui.admin.pages import Action, PageAdmin, labelled
from registry_ui.admin.summaries import key_metrics
from registry_ui.models import ModelVersion
from registry_ui.selectors import LARGE_COLUMNS


@admin.register(ModelVersion)
class VersionAdmin(PageAdmin):
    page_template = "registry_ui/version.html"
    list_display: ClassVar = ["name", "shown_status", "shown_stage", "verdict", "measured", "created_at"]
    list_filter: ClassVar = ["model", "status", "stage"]
    list_defer: ClassVar = LARGE_COLUMNS
    search_fields: ClassVar = ["model", "=bundle_hash", "=data_hash", "=run_id"]
    ordering: ClassVar = ["-created_at"]

    @admin.display(description="Version", ordering="number")
    def name(self, version: ModelVersion) -> str:
        return str(version).replace(" ", "\N{NO-BREAK SPACE}")

    @labelled("Status", {"waiting": "warning", "approved": "success", "rejected": "danger"})
    def shown_status(self, version: ModelVersion) -> tuple[str, str]:
        return version.status, version.get_status_display()

    @labelled("Stage", {"Production": "success", "Staging": "info", "Archived": "default"})
    def shown_stage(self, version: ModelVersion) -> tuple[str, str]:
        live = version.stage == ModelVersion.Stage.PRODUCTION
        return version.stage or "None", f"{version.stage} · champion" if live else version.stage or "None"

    @admin.display(description="Recommendation")
    def verdict(self, version: ModelVersion) -> str:
        return review.verdict_badge(version)[0]

    @admin.display(description="Held-out metrics")
    def measured(self, version: ModelVersion) -> str:
        return ", ".join(f"{name} {value:.4f}" for name, value in key_metrics(version))

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return deciding.VERSION_ACTIONS

    def page_context(self, request: HttpRequest, row: ModelVersion) -> dict[str, Any]:
        return {**review.context(row), **deciding.context(request, row)}
