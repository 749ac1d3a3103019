"""The review page: what an approver needs to decide about a version, and the buttons to do it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from predictions.models import Deployment
from registry_ui.admin import review
from registry_ui.admin.pages import Action, ConfirmedForm, DecisionForm, PageAdmin, labelled
from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get, former_champions
from registry_ui.services.access import APPROVE, ROLL_BACK, Actor
from registry_ui.services.decisions import champion_roll_back, version_approve, version_reject

_KEY_METRICS = 2


@admin.register(ModelVersion)
class VersionAdmin(PageAdmin):
    page_template = "registry_ui/version.html"
    list_display: ClassVar = ["name", "shown_status", "shown_stage", "verdict", "key_metrics", "created_at"]
    list_filter: ClassVar = ["model", "status", "stage"]
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
    def key_metrics(self, version: ModelVersion) -> str:
        rows = review.metric_rows(version)[:_KEY_METRICS]
        return ", ".join(f"{row.name} {row.candidate.value:.4f}" for row in rows)

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {
            "approve": (ConfirmedForm, _approve),
            "reject": (DecisionForm, _reject),
            "roll_back": (ConfirmedForm, _roll_back),
        }

    def page_context(self, request: HttpRequest, row: ModelVersion) -> dict[str, Any]:
        live = champion_get(model=row.model)
        deployment = Deployment.objects.get(model=row.model)
        compared = review.compared_with(row)
        text, colour = review.verdict_badge(row)
        return {
            "live": live,
            "deployment": deployment,
            "deployment_url": reverse("admin:predictions_deployment_change", args=[deployment.pk]),
            "is_live": live == row,
            "is_waiting": row.status == ModelVersion.Status.WAITING,
            "is_former": row in former_champions(model=row.model),
            "compared_with": compared,
            "comparison_is_old": live != row and compared != (live and live.number) and _is_waiting(row),
            "verdict": {"text": text, "type": colour},
            "reasons": row.recommendation.get("reasons", []),
            "metrics": review.metric_rows(row),
            "facts": {name: value for name, value in review.facts(row).items() if value not in (None, "")},
            "parameters": row.report.get("parameters", {}),
            "run": row.runs.first(),
            "decisions": row.decisions.all(),
            "may_approve": request.user.has_perm(APPROVE),
            "may_roll_back": request.user.has_perm(ROLL_BACK),
        }


def _is_waiting(version: ModelVersion) -> bool:
    return version.status == ModelVersion.Status.WAITING


def _approve(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
    decision = version_approve(**_decided(request, version, given))
    return f"{version} is live (generation {decision.generation_after})."


def _reject(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
    version_reject(**_decided(request, version, given))
    return f"{version} was rejected."


def _roll_back(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
    decision = champion_roll_back(**_decided(request, version, given))
    return f"{version} is live again (generation {decision.generation_after})."


def _decided(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": version.model,
        "number": version.number,
        "actor": Actor.person(request.user),
        "reason": given["reason"],
        "expected_generation": given["expected_generation"],
    }
