"""The admin's home: what waits for a decision, and every model with what serves and how its last run went."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest

from registry_ui.admin.review import verdict_badge
from registry_ui.admin.runs import STATE_COLOURS
from registry_ui.admin.summaries import key_metrics
from registry_ui.selectors import ModelOverview, deployments_found, models_overview, versions_waiting
from registry_ui.services.access import REQUEST_RUN

_WAITING_SHOWN = 10
_MODELS_A_PAGE = 25


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK. Who may not look at versions sees none."""
    if request.user.has_perm("registry_ui.view_modelversion"):
        search = request.GET.get("q", "").strip()
        page = Paginator(deployments_found(text=search), _MODELS_A_PAGE).get_page(request.GET.get("page"))
        waiting = versions_waiting()
        context |= {
            "may_look": True,
            "search": search,
            "page": page,
            "models": [_shown(overview) for overview in models_overview(deployments=list(page))],
            "waiting": [(version, *verdict_badge(version)) for version in waiting[:_WAITING_SHOWN]],
            "waiting_count": waiting.count(),
            "may_request_run": request.user.has_perm(REQUEST_RUN),
        }
    return context


def _shown(overview: ModelOverview) -> dict[str, Any]:
    run = overview.last_run
    return {
        "overview": overview,
        "metrics": key_metrics(overview.live) if overview.live else [],
        "run_colour": STATE_COLOURS[run.state] if run else "",
    }
