"""Pipeline runs: how far each is, what it said, and a button to cancel it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from ml_pipeline.running.progress import STAGES
from predictions.models import Deployment
from registry_ui.admin.pages import Action, PageAdmin, labelled
from registry_ui.models import PipelineRun
from registry_ui.selectors import LARGE_COLUMNS
from registry_ui.services.access import REQUEST, Actor
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
        seconds = run_seconds(run)
        return "" if seconds is None else f"{seconds:.0f} s"

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {"cancel": (forms.Form, _cancel)}

    def page_context(self, request: HttpRequest, row: PipelineRun) -> dict[str, Any]:
        known = {stage["stage"]: stage for stage in row.stages}
        absent = "to come" if row.is_active else "not run"
        return {
            "stages": [known.get(name, {"stage": name, "state": absent, "seconds": None}) for name in STAGES],
            "colour": STATE_COLOURS[row.state],
            "seconds": run_seconds(row),
            "deployment": Deployment.objects.filter(model=row.model).first(),
            "may_request_run": Actor.person(request.user).may(REQUEST, row.model),
        }


def run_seconds(run: PipelineRun) -> float | None:
    """How long the last attempt took, or has been running."""
    if run.started_at is None:
        return None
    return ((run.finished_at or timezone.now()) - run.started_at).total_seconds()


def _cancel(request: HttpRequest, run: PipelineRun, _: Mapping[str, Any]) -> str:
    run_cancel(model=run.model, run_id=run.pk, actor=Actor.person(request.user))
    return f"{run} was cancelled."
