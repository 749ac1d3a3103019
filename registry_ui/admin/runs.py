"""Pipeline runs: how far each is, what it said, what came of it, and a button to cancel it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from predictions.models import Deployment
from registry_ui.admin.pages import Action, PageAdmin, labelled
from registry_ui.admin.review import verdict_badge
from registry_ui.admin.review_metrics import metric_row
from registry_ui.models import ModelVersion, PipelineRun
from registry_ui.run_progress import run_progress, seconds_taken, stages_shown, waiting_words
from registry_ui.selectors import LARGE_COLUMNS, broker_contact, usual_seconds
from registry_ui.services.access import REQUEST, Actor
from registry_ui.services.evidence import metrics_beside
from registry_ui.services.runs import run_cancel

STATE_COLOURS = {
    "queued": "info",
    "running": "info",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "default",
    "lost": "danger",
}


@admin.register(PipelineRun)
class RunAdmin(PageAdmin):
    page_template = "registry_ui/run.html"
    list_display: ClassVar = [
        "name",
        "shown_state",
        "stage",
        "attempt",
        "requested_by",
        "created_at",
        "took",
        "version",
    ]
    list_filter: ClassVar = ["model", "state", "trigger"]
    list_select_related: ClassVar = ["version"]
    list_defer: ClassVar = [
        "log",
        "error",
        "stages",
        *(f"version__{name}" for name in (*LARGE_COLUMNS, "recommendation")),
    ]
    ordering: ClassVar = ["-created_at"]

    @admin.display(description="Run", ordering="model")
    def name(self, run: PipelineRun) -> str:
        return str(run)

    @labelled("State", STATE_COLOURS)
    def shown_state(self, run: PipelineRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @admin.display(description="Took")
    def took(self, run: PipelineRun) -> str:
        seconds = seconds_taken(run)
        return "" if seconds is None else f"{seconds:.0f} s"

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {"cancel": (forms.Form, _cancel)}

    def page_context(self, request: HttpRequest, row: PipelineRun) -> dict[str, Any]:
        usual = usual_seconds(model=row.model)
        return {
            "stages": stages_shown(row, usual),
            "colour": STATE_COLOURS[row.state],
            "progress": run_progress(row, usual) if row.state == PipelineRun.State.RUNNING else None,
            "waits": waiting_words(row, broker_contact()) if row.state == PipelineRun.State.QUEUED else "",
            "seconds": seconds_taken(row),
            "deployment": Deployment.objects.filter(model=row.model).first(),
            "may_request_run": Actor.person(request.user).may(REQUEST, row.model),
            **(_outcome(row.version) if row.version else {}),
        }


def _outcome(version: ModelVersion) -> dict[str, Any]:
    """What the run ended with: the recommendation, both models' metrics, and what the policy ruled."""
    text, colour = verdict_badge(version)
    compared = version.report.get("champion") or {}
    measured = metrics_beside(version.report, version.recommendation, version.metrics)
    decision = version.decisions.order_by("-pk").first()
    asked = version.approvals.order_by("-pk").first()
    return {
        "verdict": {"text": text, "type": colour},
        "reasons": version.recommendation.get("reasons", []),
        "metrics": [metric_row(one) for one in measured],
        "compared_with": compared.get("version") if compared.get("comparable") else None,
        "decision": decision,
        "policy_says": asked.policy_says if asked else "",
        "is_waiting": version.status in (ModelVersion.Status.WAITING, ModelVersion.Status.CHANGES),
    }


def _cancel(request: HttpRequest, run: PipelineRun, _: Mapping[str, Any]) -> str:
    run_cancel(model=run.model, run_id=run.pk, actor=Actor.person(request.user))
    return f"{run} was cancelled."
