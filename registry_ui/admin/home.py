"""The admin's home: what waits for a decision, and how every model stands, at a glance."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest

from registry_ui.admin.mirror import mirror_context
from registry_ui.admin.review import verdict_badge
from registry_ui.admin.runs import STATE_COLOURS
from registry_ui.admin.summaries import key_metrics
from registry_ui.admin.watching import Tile, tiles
from registry_ui.selectors import (
    ModelOverview,
    deployments_found,
    drift_newest,
    live_accuracies,
    models_overview,
    models_visible,
    not_loaded,
    versions_waiting,
)
from registry_ui.selectors.traffic import traffic_of
from registry_ui.services.access import REQUEST, VIEW, Actor

_WAITING_SHOWN = 10
_MODELS_A_PAGE = 25


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK. One sees the models that one may look at: those that wait first, 25 a page."""
    actor, visible = Actor.person(request.user), models_visible(request.user)
    search = request.GET.get("q", "").strip()
    page = Paginator(deployments_found(among=visible, text=search), _MODELS_A_PAGE).get_page(request.GET.get("page"))
    waiting, waiting_count = versions_waiting(among=visible, most=_WAITING_SHOWN)
    deployments = list(page)
    traffic = traffic_of(models=[one.model for one in deployments])
    accuracies = live_accuracies(deployments=deployments)
    drift = drift_newest(deployments=deployments)
    shown = []
    for one in models_overview(deployments=deployments):
        model = one.deployment.model
        watched = tiles(traffic[model], accuracies.get(model), drift.get(model))
        shown.append(_shown(one, actor, watched))
    return context | {
        "may_look": bool(shown) or actor.may(VIEW),
        "search": search,
        "page": page,
        "models": shown,
        "waiting": [(version, *verdict_badge(version)) for version in waiting],
        "waiting_count": waiting_count,
        **mirror_context(request, [deployment.model for deployment in deployments]),
    }


def _shown(overview: ModelOverview, actor: Actor, watched: list[Tile]) -> dict[str, Any]:
    run = overview.last_run
    return {
        "overview": overview,
        "tiles": watched,
        "canary_percent": 100 * (overview.deployment.canary_share or 0.0),
        "metrics": key_metrics(overview.live) if overview.live else [],
        "may_request": actor.may(REQUEST, overview.deployment.model),
        "fault": not_loaded(overview.deployment),
        "run_colour": STATE_COLOURS[run.state] if run else "",
    }
