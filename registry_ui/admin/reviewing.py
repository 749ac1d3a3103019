"""Reviewing a version: what its page can ask for, its model card, and what the approver of a decision saw."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from registry_ui.admin.pages import Action
from registry_ui.admin.review import panels
from registry_ui.admin.rollouts import decided_rows
from registry_ui.errors import EvidenceBroken
from registry_ui.models import Decision, ModelVersion
from registry_ui.selectors import may_see_predictions
from registry_ui.services.access import Actor
from registry_ui.services.decisions import REASON_LENGTH
from registry_ui.services.derived import threshold_propose
from registry_ui.services.evidence import evidence_collect, evidence_frozen
from registry_ui.services.evidence_store import FROZEN, evidence_fetch, evidence_path
from registry_ui.services.flips import flips_request
from registry_ui.services.model_card import model_card


class ThresholdForm(forms.Form):
    threshold = forms.FloatField(min_value=0, max_value=1)
    reason = forms.CharField(max_length=REASON_LENGTH)


def card(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    name = f"{version.model}-{version.number}-model-card.md"
    content = model_card(evidence_collect(version))
    return _download(content.encode(), name, "text/markdown; charset=utf-8")


def evidence_page(request: HttpRequest, version: ModelVersion, decision: int) -> HttpResponse:
    """What the approver saw, from the file that was frozen then; a file that was changed is named, and not shown."""
    taken = _decision(version, decision)
    digest = taken.evidence.get("frozen_sha256", "")
    context = {
        **admin.site.each_context(request),
        "title": f"What was seen when {version} was {taken.get_action_display().lower()}",
        "opts": ModelVersion._meta,
        "row": version,
        "decision": taken,
        "digest": digest,
        "file": evidence_path(digest, FROZEN),
        "guard": taken.evidence.get("trial"),
        "guard_rows": decided_rows(taken.evidence["trial"]) if "trial" in taken.evidence else [],
        "may_see_inputs": may_see_predictions(request.user, version.model),
    }
    try:
        context |= panels(evidence_frozen(digest), may_see_inputs=context["may_see_inputs"])
    except EvidenceBroken as error:
        return TemplateResponse(request, "registry_ui/frozen.html", {**context, "broken": error}, status=409)
    return TemplateResponse(request, "registry_ui/frozen.html", context)


def evidence_file(request: HttpRequest, version: ModelVersion, decision: int) -> HttpResponse:
    """The frozen bytes themselves. They hold inputs of flipped cases, so that they need the permission to see those."""
    if not may_see_predictions(request.user, version.model):
        raise PermissionDenied
    digest = _decision(version, decision).evidence.get("frozen_sha256", "")
    return _download(evidence_fetch(digest, suffix=FROZEN), f"evidence-{digest}.json", "application/json")


def _decision(version: ModelVersion, number: int) -> Decision:
    decision: Decision | None = version.decisions.filter(pk=number).first()
    if decision is None or "frozen_sha256" not in decision.evidence:
        raise Http404
    return decision


def _download(content: bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _replay(request: HttpRequest, version: ModelVersion, _: Mapping[str, Any]) -> str:
    flips_request(model=version.model, number=version.number, actor=Actor.person(request.user))
    return "The replay is queued."


def _propose(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
    actor = Actor.person(request.user)
    threshold_propose(model=version.model, number=version.number, actor=actor, **given)
    return f"A candidate that decides at {given['threshold']:g} is being made."


ACTIONS: dict[str, tuple[type[forms.Form], Action]] = {
    "replay": (forms.Form, _replay),
    "threshold": (ThresholdForm, _propose),
}
