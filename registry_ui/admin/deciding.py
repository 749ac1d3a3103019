"""Deciding about a version: the forms of its page, and the services that they call."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from predictions.models import Deployment
from registry_ui.admin.pages import Action, ConfirmedForm, DecisionForm, ServingForm, given_confirmation
from registry_ui.models import Decision, ModelVersion
from registry_ui.rules import four_eyes_in_force, freeze_in_force, incompatible_inputs, rollout_of
from registry_ui.selectors import (
    current_approval,
    deciders_of,
    policy_holder,
    service_history,
    shadow_comparisons,
    switch_of,
)
from registry_ui.services.access import APPROVE, REQUEST, ROLL_BACK, Actor
from registry_ui.services.canaries import canary_end, canary_promote, version_set_canary
from registry_ui.services.decisions import (
    champion_roll_back,
    version_approve,
    version_ask_again,
    version_reject,
    version_request_changes,
)
from registry_ui.services.shadows import shadow_end, version_set_shadow
from registry_ui.services.trials import CanaryPlan

_Status = ModelVersion.Status
_COMPARISONS = 3


class CanaryForm(ServingForm):
    percent = forms.FloatField(min_value=0.01, max_value=99.99)
    by_plan = forms.BooleanField(required=False)


def context(
    request: HttpRequest, version: ModelVersion, deployment: Deployment, live: ModelVersion | None
) -> dict[str, Any]:
    """What serves now, and which decisions this version and this person allow."""
    actor = Actor.person(request.user)
    history = service_history(model=version.model)
    is_waiting, is_canary = version.status == _Status.WAITING, version.status == _Status.CANARY
    is_former = history.is_former(version)
    is_shadow = deployment.shadow_version == version.number
    may_approve, left = actor.may(APPROVE, version.model), history.rolled_back.get(version.number, ())
    return {
        "live": live,
        "deployment": deployment,
        "deployment_url": reverse("admin:predictions_deployment_change", args=[deployment.pk]),
        "is_live": live == version,
        "is_waiting": is_waiting,
        "is_canary": is_canary,
        "is_former": is_former,
        "canary_percent": 100 * (deployment.canary_share or 0.0),
        "decisions": sorted([*version.decisions.all(), *left], key=lambda one: -one.pk),
        "is_shadow": is_shadow,
        "may_shadow": may_approve and live not in (None, version) and not (is_canary or is_shadow),
        "shadow_comparisons": list(shadow_comparisons(version=version)[:_COMPARISONS]),
        "may_approve": may_approve,
        "may_roll_back": actor.may(ROLL_BACK, version.model),
        "approve_permission": APPROVE,
        "roll_back_permission": ROLL_BACK,
        "trouble": history.troubles.get(version.number),
        **(_to_decide(version, actor, deployment, live) if is_waiting or is_canary else {}),
        **(_to_ask(version, actor) if is_former or version.status == _Status.CHANGES else {}),
    }


def _to_decide(
    version: ModelVersion, actor: Actor, deployment: Deployment, live: ModelVersion | None
) -> dict[str, Any]:
    """Who may decide about it and who may not, and what stands in the way."""
    approval = current_approval(version=version)
    switch = switch_of(deployment)
    bound = approval.askers if approval and four_eyes_in_force(approval=approval, switch=switch) else set()
    deciders = deciders_of(deployment=deployment, permission=APPROVE)
    return {
        "approval": approval,
        "four_eyes": bool(bound),
        "is_bound": actor.name in bound and actor.may(APPROVE, version.model),
        "deciders": [name for name in deciders if name not in bound],
        "freeze": freeze_in_force(version=version, holder=live or policy_holder(model=version.model)),
        "incompatible": incompatible_inputs(version=version, champion=live),
        "rollout": rollout_of(version),
        "steps": ", ".join(f"{100 * step:.4g} %" for step in rollout_of(version).steps),
    }


def _to_ask(version: ModelVersion, actor: Actor) -> dict[str, Any]:
    """What changes were asked for, if any, and whether this person may ask for a decision."""
    asked_for = (one for one in version.decisions.all() if one.action == Decision.Action.REQUEST_CHANGES)
    return {
        "asked_for": next(asked_for, None),
        "may_request": actor.may(REQUEST, version.model),
        "request_permission": REQUEST,
    }


def _calls(service: Callable[..., Decision], said: str, *more: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Action:
    """The action that calls `service`; `said` reports it, with {version} and {generation}."""

    def call(request: HttpRequest, version: ModelVersion, given: Mapping[str, Any]) -> str:
        arguments = {name: value for extra in more for name, value in extra(given).items()}
        decision = service(
            model=version.model,
            number=version.number,
            actor=Actor.person(request.user),
            reason=given["reason"],
            expected_generation=given["expected_generation"],
            **arguments,
        )
        return said.format(version=version, generation=decision.generation_after)

    return call


def _confirmed(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"confirmed": given_confirmation(given)}


def _share(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of a canary; with the plan that the version declares, where that was wanted."""
    return {"share": given["percent"] / 100, "plan": CanaryPlan() if given["by_plan"] else None}


VERSION_ACTIONS: dict[str, tuple[type[forms.Form], Action]] = {
    "approve": (ServingForm, _calls(version_approve, "{version} is live (generation {generation}).", _confirmed)),
    "reject": (DecisionForm, _calls(version_reject, "{version} was rejected.")),
    "request_changes": (DecisionForm, _calls(version_request_changes, "{version} went back to who asked.")),
    "ask_again": (DecisionForm, _calls(version_ask_again, "{version} waits for a decision again.")),
    "set_canary": (
        CanaryForm,
        _calls(version_set_canary, "{version} is the canary (generation {generation}).", _share, _confirmed),
    ),
    "promote_canary": (ServingForm, _calls(canary_promote, "{version} is live (generation {generation}).", _confirmed)),
    "end_canary": (ConfirmedForm, _calls(canary_end, "{version} answers nobody now (generation {generation}).")),
    "set_shadow": (DecisionForm, _calls(version_set_shadow, "{version} is the shadow (generation {generation}).")),
    "end_shadow": (DecisionForm, _calls(shadow_end, "{version} is asked no more (generation {generation}).")),
    "roll_back": (
        ServingForm,
        _calls(champion_roll_back, "{version} is live again (generation {generation}).", _confirmed),
    ),
}
