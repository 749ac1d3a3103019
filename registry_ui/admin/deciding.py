"""Deciding about a version: the forms of its page, and the services that they call."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from registry_ui.admin.pages import Action, ConfirmedForm, DecisionForm
from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get, deployment_get, former_champions
from registry_ui.services.access import APPROVE, ROLL_BACK, Actor
from registry_ui.services.decisions import champion_roll_back, version_approve, version_reject


def context(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    """What serves now, and which decisions this version and this person allow."""
    live = champion_get(model=version.model)
    deployment = deployment_get(model=version.model)
    return {
        "live": live,
        "deployment": deployment,
        "deployment_url": reverse("admin:predictions_deployment_change", args=[deployment.pk]),
        "is_live": live == version,
        "is_waiting": version.status == ModelVersion.Status.WAITING,
        "is_former": version in former_champions(model=version.model),
        "decisions": version.decisions.all(),
        "may_approve": request.user.has_perm(APPROVE),
        "may_roll_back": request.user.has_perm(ROLL_BACK),
    }


def _approve(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
    decision = version_approve(**_decided(request, version, given))
    return f"{version} is live (generation {decision.generation_after})."


def _reject(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
    version_reject(**_decided(request, version, given))
    return f"{version} was rejected."


def _roll_back(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
    decision = champion_roll_back(**_decided(request, version, given))
    return f"{version} is live again (generation {decision.generation_after})."


def _decided(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": version.model,
        "number": version.number,
        "actor": Actor.person(request.user),
        "reason": given["reason"],
        "expected_generation": given["expected_generation"],
    }


VERSION_ACTIONS: dict[str, tuple[type[forms.Form], Action]] = {
    "approve": (ConfirmedForm, _approve),
    "reject": (DecisionForm, _reject),
    "roll_back": (ConfirmedForm, _roll_back),
}
