"""The list of versions, and the review page: what an approver needs to decide, and the buttons to do it."""

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from registry_ui.admin import deciding, review, reviewing
from registry_ui.admin.pages import Action, PageAdmin, labelled
from registry_ui.admin.summaries import key_metrics
from registry_ui.models import ModelVersion
from registry_ui.selectors import LARGE_COLUMNS, champion_of, deployments_with_switch


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
        return deciding.VERSION_ACTIONS | reviewing.ACTIONS

    def page_context(self, request: HttpRequest, row: ModelVersion) -> dict[str, Any]:
        deployment = deployments_with_switch().get(model=row.model)
        live = champion_of(deployment)
        return {
            **review.context(request, row, deployment, live),
            **deciding.context(request, row, deployment, live),
        }

    def page_rows(self) -> QuerySet[ModelVersion]:
        """With the curves, which are drawn here alone."""
        return ModelVersion.objects.defer(None)

    def get_urls(self) -> list[URLPattern]:
        name = self._url_name
        seen = "<path:object_id>/decision/<int:decision>/evidence"
        own = [
            path("<path:object_id>/model-card.md", self._look(reviewing.card), name=f"{name}_card"),
            path(f"{seen}/", self._look(reviewing.evidence_page), name=f"{name}_evidence"),
            path(f"{seen}.json", self._look(reviewing.evidence_file), name=f"{name}_evidence_file"),
        ]
        return [*own, *super().get_urls()]

    def _look(self, show: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """A page about a version that changes nothing, for who may look at it."""

        def looked(request: HttpRequest, object_id: str, **more: Any) -> HttpResponse:
            return show(request, self._row(request, object_id), **more)

        return cast(Callable[..., HttpResponse], require_safe(self.admin_site.admin_view(looked)))
