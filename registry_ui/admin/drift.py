"""Drift reports: one sentence, every statistic beside its limits, pictures, the history, and Evidently's page."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from ml_pipeline.drift.wording import statistic_name
from predictions.models import Deployment
from registry_ui.admin.drift_summary import STATE_COLOURS, headline, history_chart, notes, pictures, statistic_rows
from registry_ui.admin.pages import Action, PageAdmin, labelled
from registry_ui.models import DriftReport, ModelVersion
from registry_ui.selectors import drift_reports, drift_task
from registry_ui.services.access import REQUEST, Actor
from registry_ui.services.drift import drift_request
from registry_ui.services.drift_files import drift_page_fetch
from registry_ui.services.model_card import metric_name, metric_words

_HISTORY = 30
# Evidently's page runs scripts. They get an origin of their own, and may load and send nothing.
_CAGE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'"
)


@admin.register(DriftReport)
class DriftReportAdmin(PageAdmin):
    page_template = "registry_ui/drift.html"
    list_display: ClassVar = ["created_at", "model", "version", "shown_state", "because", "rows", "requested_by"]
    list_filter: ClassVar = ["model", "state"]
    list_defer: ClassVar = ["estimates", "live"]
    ordering: ClassVar = ["-id"]

    @labelled("State", STATE_COLOURS)
    def shown_state(self, report: DriftReport) -> tuple[str, str]:
        return report.state, report.get_state_display()

    @admin.display(description="Because of")
    def because(self, report: DriftReport) -> str:
        return ", ".join(statistic_name(one["kind"], one["field"]) for one in report.statistics if one["alarms"])

    def get_urls(self) -> list[URLPattern]:
        view = require_safe(xframe_options_sameorigin(self.admin_site.admin_view(self.evidently_view)))
        name = f"{self._url_name}_evidently"
        return [path("<path:object_id>/evidently.html", view, name=name), *super().get_urls()]

    def evidently_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Evidently's page, caged: whatever it holds can do nothing in the admin's name."""
        report = cast(DriftReport, self._row(request, object_id))
        if not report.html:
            raise Http404
        return HttpResponse(drift_page_fetch(report.html), headers={"Content-Security-Policy": _CAGE})

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {"again": (forms.Form, drift_ask)}

    def page_context(self, request: HttpRequest, row: DriftReport) -> dict[str, Any]:
        history = list(drift_reports(model=row.model).filter(version=row.version, pk__lte=row.pk)[:_HISTORY])
        return {
            "title": f"Drift of {row.model}",
            "headline": headline(row),
            "notes": notes(row),
            "colour": STATE_COLOURS[row.state],
            "statistics": statistic_rows(row),
            "pictures": pictures(row),
            "estimates": _estimates(row),
            "live_metric": row.live and _live(row.live),
            "chart": history_chart([one for one in reversed(history) if one.is_judged]),
            "deployment": Deployment.objects.filter(model=row.model).first(),
            "version": ModelVersion.objects.filter(model=row.model, number=row.version).first(),
            **drift_context(request, row.model),
            "newer": drift_reports(model=row.model).filter(pk__gt=row.pk).first(),
        }


def _live(live: dict[str, Any]) -> dict[str, Any]:
    other = live.get("instead_of", "")
    return {**live, "name": metric_name(live["metric"]), "instead_of": other and metric_words(other)}


def drift_context(request: HttpRequest, model: str) -> dict[str, Any]:
    """What the button and its progress need, here and on the model's page."""
    task = drift_task(model=model)
    return {
        "drift_task": task if task and (task.is_active or task.error) else None,
        "drift_is_busy": task is not None and task.is_active,
        "may_evaluate": Actor.person(request.user).may(REQUEST, model),
    }


def drift_panel(request: HttpRequest, deployment: Deployment) -> dict[str, Any]:
    """The last report in a sentence, for the model's page."""
    last = drift_reports(model=deployment.model).defer("estimates", "live").first()
    return {
        "drift": last,
        "drift_headline": headline(last) if last else "",
        "drift_colour": STATE_COLOURS[last.state] if last else "",
        **drift_context(request, deployment.model),
    }


def drift_ask(request: HttpRequest, row: DriftReport | Deployment, _: Mapping[str, Any]) -> str:
    """Both pages' action."""
    drift_request(model=row.model, actor=Actor.person(request.user))
    return "The evaluation is queued: its report stands among the drift reports in a minute."


def _estimates(report: DriftReport) -> Sequence[dict[str, Any]]:
    return [{**one, "name": metric_name(one["metric"])} for one in report.estimates]
