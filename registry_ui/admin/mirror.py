"""The mirror in the admin: what somebody changed on the tracking server, and the buttons to adopt, revert and sync."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from registry_ui.admin.pages import Action, ConfirmedForm, DecisionForm, PageAdmin, labelled
from registry_ui.errors import WrongState
from registry_ui.models import ForeignChange
from registry_ui.selectors import (
    EVERY_MODEL,
    MirrorOverview,
    champion_get,
    deployment_get,
    last_sync,
    mirror_overviews,
)
from registry_ui.services.access import APPROVE, REQUEST, Actor
from registry_ui.services.foreign_changes import adoption, foreign_change_adopt, foreign_change_revert
from registry_ui.services.sync_requests import sync_request

_COLOURS = {"open": "warning", "adopted": "success", "reverted": "info", "superseded": "default", "gone": "default"}


@admin.register(ForeignChange)
class ForeignChangeAdmin(PageAdmin):
    page_template = "registry_ui/foreign_change.html"
    list_display: ClassVar = ["name", "shown_state", "here", "there", "found_at", "resolved_by", "resolved_at"]
    list_filter: ClassVar = ["state", "model", "kind"]
    ordering: ClassVar = ["-id"]

    @admin.display(description="Changed in MLflow")
    def name(self, change: ForeignChange) -> str:
        return str(change)

    @labelled("State", _COLOURS)
    def shown_state(self, change: ForeignChange) -> tuple[str, str]:
        return change.state, change.get_state_display()

    @admin.display(description="Here")
    def here(self, change: ForeignChange) -> str:
        return change.ours_in_words

    @admin.display(description="In MLflow")
    def there(self, change: ForeignChange) -> str:
        return change.theirs_in_words

    def get_urls(self) -> list[URLPattern]:
        sync = require_POST(self.admin_site.admin_view(_sync_every_model))
        return [path("sync/", sync, name=f"{self._url_name}_sync"), *super().get_urls()]

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {"adopt": (ConfirmedForm, _adopt), "revert": (DecisionForm, _revert)}

    def page_context(self, request: HttpRequest, row: ForeignChange) -> dict[str, Any]:
        return {
            "colour": _COLOURS[row.state],
            "live": champion_get(model=row.model),
            "deployment": deployment_get(model=row.model),
            "is_open": row.state == ForeignChange.State.OPEN,
            "may_settle": Actor.person(request.user).may(APPROVE, row.model),
            **_meaning(row),
        }


def mirror_context(request: HttpRequest, models: Collection[str], *subjects: str) -> dict[str, Any]:
    """What home and the models' pages show of the mirror: four queries whatever the number of models."""
    overviews = mirror_overviews(models=models)
    actor, model = Actor.person(request.user), next(iter(subjects), None)
    return {
        "mirror": _together(list(overviews.values())),
        "sync": last_sync(subjects=[EVERY_MODEL, *subjects]),
        "may_sync": actor.may(APPROVE, model) or actor.may(REQUEST, model),
    }


def _together(known: list[MirrorOverview]) -> dict[str, Any]:
    """One panel for all. What only one model's page has room for is left out elsewhere."""
    times = [one.state.synced_at if one.state else None for one in known]
    alone = known[0].state if len(known) == 1 else None
    return {
        "synced_at": min((time for time in times if time), default=None) if all(times) else None,
        "pending": sum(len(one.pending) for one in known),
        "foreign": [change for one in known for change in one.foreign],
        "errors": sorted({one.last_error for one in known} - {""}),
        "missing": alone.missing if alone else [],
        "refused": list(alone.refused.values()) if alone else [],
    }


def _meaning(change: ForeignChange) -> dict[str, Any]:
    """What adopting would do, or why it cannot be done."""
    try:
        return {"adoption": adoption(change=change)}
    except WrongState as error:
        return {"not_adoptable": error}


def _adopt(request: HttpRequest, change: ForeignChange, given: Mapping[str, Any]) -> str:
    decision = foreign_change_adopt(
        change_id=change.pk,
        actor=Actor.person(request.user),
        reason=given["reason"],
        expected_generation=given["expected_generation"],
    )
    return f"Adopted: {decision}."


def _revert(request: HttpRequest, change: ForeignChange, given: Mapping[str, Any]) -> str:
    foreign_change_revert(change_id=change.pk, actor=Actor.person(request.user), reason=given["reason"])
    return f"The {change.subject} is written back to MLflow as {change.ours_in_words}."


def _sync_every_model(request: HttpRequest) -> HttpResponse:
    sync_request(actor=Actor.person(request.user))
    messages.success(request, "The sync is queued.")
    return HttpResponseRedirect(reverse("admin:index"))
