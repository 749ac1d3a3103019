"""The admin's home: every model with what serves, what waits, and how its last run went."""

from typing import Any

from django.http import HttpRequest

from registry_ui.admin.mirror import mirror_context
from registry_ui.admin.review import metric_rows, verdict_badge
from registry_ui.admin.runs import STATE_COLOURS
from registry_ui.selectors import ModelOverview, models_overview
from registry_ui.services.access import REQUEST_RUN


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK. Who may not look at versions sees none."""
    if request.user.has_perm("registry_ui.view_modelversion"):
        overviews = models_overview()
        context["models"] = [_shown(overview) for overview in overviews]
        context.update(mirror_context(request, [overview.deployment.model for overview in overviews]))
        context["may_request_run"] = request.user.has_perm(REQUEST_RUN)
    return context


def _shown(overview: ModelOverview) -> dict[str, Any]:
    run = overview.last_run
    return {
        "overview": overview,
        "metrics": metric_rows(overview.live)[:2] if overview.live else [],
        "waiting": [(version, *verdict_badge(version)) for version in overview.waiting],
        "run_colour": STATE_COLOURS[run.state] if run else "",
    }
