"""The page of one model: what serves, what served, what waits, and the buttons to roll back, retire and retrain."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from predictions.models import Deployment, Generation
from registry_ui.admin import comparing, granting, retraining, rollouts
from registry_ui.admin.drift import drift_ask, drift_panel
from registry_ui.admin.mirror import mirror_context
from registry_ui.admin.pages import Action, ConfirmedForm, PageAdmin, ServingForm, given_confirmation, labelled
from registry_ui.admin.performance import performance_context
from registry_ui.admin.proposals import PROPOSAL_ACTIONS, proposals_context
from registry_ui.admin.watching import accuracy_chart, tiles, traffic_charts
from registry_ui.models import ModelVersion, PipelineRun
from registry_ui.selectors import (
    deployments_with_switch,
    drift_newest,
    fault_columns,
    live_accuracies,
    live_performance,
    not_loaded,
    service_history,
    shadow_comparison_now,
    versions_listed,
)
from registry_ui.selectors.traffic import traffic_of
from registry_ui.services.access import ADMINISTER, REQUEST, ROLL_BACK, Actor
from registry_ui.services.canaries import canary_end
from registry_ui.services.decisions import champion_retire, champion_roll_back
from registry_ui.services.sync_requests import sync_request

_SHOWN = 20
_RUNS_SHOWN = 5
_Status = ModelVersion.Status


class RollBackForm(ServingForm):
    number = forms.IntegerField(min_value=1)


class EndCanaryForm(ConfirmedForm):
    number = forms.IntegerField(min_value=1)


@admin.register(Deployment)
class DeploymentAdmin(PageAdmin):
    page_template = "registry_ui/deployment.html"
    list_display: ClassVar = ["model", "serving", "canary", "generation", "updated_at"]
    search_fields: ClassVar = ["model"]
    ordering: ClassVar = ["model"]

    @labelled("Serves", {"live": "success", "none": "warning"})
    def serving(self, deployment: Deployment) -> tuple[str, str]:
        if deployment.champion_version is None:
            return "none", "Not live yet"
        return "live", f"Version {deployment.champion_version}"

    @admin.display(description="Canary")
    def canary(self, deployment: Deployment) -> str:
        if deployment.canary_version is None:
            return ""
        return f"Version {deployment.canary_version} at {deployment.canary_share:.4g}"

    def get_urls(self) -> list[URLPattern]:
        views = {"compare": self.compare_view, "performance": self.performance_view}
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"predictions_deployment_{name}")
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def performance_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How good the model's answers turned out to be, by version and over time."""
        row = cast(Deployment, self._row(request, object_id))
        context = {
            **admin.site.each_context(request),
            "opts": self.opts,
            "row": row,
            "title": f"Live performance of {row.model}",
            **performance_context(live_performance(model=row.model)),
        }
        return TemplateResponse(request, "registry_ui/performance.html", context)

    def compare_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Two versions of the model side by side: `?left=1&right=2`."""
        row = cast(Deployment, self._row(request, object_id))
        context = {
            **admin.site.each_context(request),
            "opts": self.opts,
            "row": row,
            "title": f"Compare versions of {row.model}",
        }
        context |= comparing.context(row, request.GET)
        return TemplateResponse(request, "registry_ui/compare.html", context)

    def page_rows(self) -> QuerySet[Deployment]:
        return deployments_with_switch().annotate(**fault_columns())

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {
            "roll_back": (RollBackForm, _roll_back),
            "end_canary": (EndCanaryForm, _end_canary),
            "retire": (ConfirmedForm, _retire),
            **retraining.MODEL_ACTIONS,
            **rollouts.ACTIONS,
            **PROPOSAL_ACTIONS,
            "drift": (forms.Form, drift_ask),
            **granting.MODEL_ACTIONS,
            "sync": (forms.Form, _sync),
        }

    def page_context(self, request: HttpRequest, row: Deployment) -> dict[str, Any]:
        actor = Actor.person(request.user)
        versions = {version.number: version for version in versions_listed(model=row.model)}
        generations = Generation.objects.filter(model=row.model).order_by("-number")[:_SHOWN]
        history = service_history(model=row.model)
        runs = list(PipelineRun.objects.filter(model=row.model).defer("log", "error")[:_RUNS_SHOWN])
        active = next((run for run in runs if run.is_active), None)  # none is asked for while one is active
        by_key = {version.pk: version for version in versions.values()}
        return {
            "title": row.model,
            "live": versions.get(row.champion_version or 0),
            "canary": versions.get(row.canary_version or 0),
            "canary_percent": 100 * (row.canary_share or 0.0),
            "shadow": versions.get(row.shadow_version or 0),
            "comparison": shadow_comparison_now(deployment=row),
            "fault": not_loaded(row),
            "previous": versions.get(history.previous or 0),
            "trouble": history.troubles.get(history.previous or 0),
            "former": [one for one in versions.values() if history.is_former(one)],
            "waiting": [one for one in versions.values() if one.status in (_Status.WAITING, _Status.CHANGES)],
            "versions": list(versions.values())[:_SHOWN],
            "history": [(entry, versions.get(entry.champion_version or 0)) for entry in generations],
            "runs": [(run, by_key.get(run.version_id or 0)) for run in runs],
            "active": active,
            **retraining.context(row, is_active=active is not None),
            **_watched(row),
            **proposals_context(request, row),
            "may_roll_back": actor.may(ROLL_BACK, row.model),
            "may_request_run": actor.may(REQUEST, row.model),
            **rollouts.context(request, row),
            **(granting.context(row) if actor.may(ADMINISTER, row.model) else {}),
            **drift_panel(request, row),
            **mirror_context(request, [row.model], row.model),
        }


def _watched(row: Deployment) -> dict[str, Any]:
    traffic = traffic_of(models=[row.model])[row.model]
    live = live_accuracies(deployments=[row]).get(row.model)
    return {
        "tiles": tiles(traffic, live, drift_newest(deployments=[row]).get(row.model)),
        "codes": traffic.codes,
        "traffic_charts": traffic_charts(traffic),
        "accuracy_chart": accuracy_chart(live) if live else None,
    }


def _roll_back(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    decision = champion_roll_back(
        **_decided(request, deployment, given), number=given["number"], confirmed=given_confirmation(given)
    )
    return f"{decision.version} is live again (generation {decision.generation_after})."


def _end_canary(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    decision = canary_end(**_decided(request, deployment, given), number=given["number"])
    return f"{decision.version} answers nobody now (generation {decision.generation_after})."


def _retire(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    decision = champion_retire(**_decided(request, deployment, given))
    return f"{decision.version} was retired: nothing serves {deployment.model} now."


def _sync(request: HttpRequest, deployment: Deployment, _: Mapping[str, Any]) -> str:
    sync_request(actor=Actor.person(request.user), model=deployment.model)
    return "The sync is queued."


def _decided(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": deployment.model,
        "actor": Actor.person(request.user),
        "reason": given["reason"],
        "expected_generation": given["expected_generation"],
    }
