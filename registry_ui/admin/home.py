"""The admin's home: every model with what serves, what waits, and how its last run went."""

from typing import Any

from django.http import HttpRequest

from registry_ui.admin.mirror import mirror_context
from registry_ui.admin.review import metric_rows, verdict_badge
from registry_ui.admin.runs import STATE_COLOURS
from registry_ui.selectors import ModelOverview, models_overview
from registry_ui.services.access import REQUEST, VIEW, Actor


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK. One sees the models that one may look at."""
    actor = Actor.person(request.user)
    overviews = [one for one in models_overview() if actor.may(VIEW, one.deployment.model)]
    context["models"] = [_shown(one, actor) for one in overviews]
    context.update(mirror_context(request, [one.deployment.model for one in overviews]))
    return context


def _shown(overview: ModelOverview, actor: Actor) -> dict[str, Any]:
    run = overview.last_run
    return {
        "overview": overview,
        "metrics": metric_rows(overview.live)[:2] if overview.live else [],
        "waiting": [(version, *verdict_badge(version)) for version in overview.waiting],
        "may_request": actor.may(REQUEST, overview.deployment.model),
        "run_colour": STATE_COLOURS[run.state] if run else "",
    }
