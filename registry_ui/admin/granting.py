"""Who may do what on a model, and its four eyes: the forms on the model's page."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from predictions.models import Deployment
from registry_ui.admin.pages import Action
from registry_ui.selectors import MODEL_PERMISSIONS, holders, limit_of, switch_of
from registry_ui.services.access import Actor
from registry_ui.services.decisions import REASON_LENGTH
from registry_ui.services.permissions import four_eyes_set, model_permissions_set
from registry_ui.services.tokens import HIGHEST_LIMIT, model_limit_set

_CHOICES = [(codename, codename.partition("_")[0]) for codename in MODEL_PERMISSIONS]
_FOUR_EYES = {"declared": None, "on": True, "off": False}


class PermissionsForm(forms.Form):
    """Exactly one of `user` and `group`, by name, and all that they shall hold on the model."""

    user = forms.ModelChoiceField(User.objects.all(), to_field_name="username", required=False)
    group = forms.ModelChoiceField(Group.objects.all(), to_field_name="name", required=False)
    permissions = forms.MultipleChoiceField(choices=_CHOICES, required=False)
    reason = forms.CharField(max_length=REASON_LENGTH)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not self.errors and bool(given["user"]) == bool(given["group"]):
            raise forms.ValidationError({"user": "Choose a user or a group, one of them."})
        return given


class ModelLimitForm(forms.Form):
    """Prediction requests a minute; empty is the default, 0 no limit."""

    requests_per_minute = forms.IntegerField(required=False, min_value=0, max_value=HIGHEST_LIMIT)
    reason = forms.CharField(max_length=REASON_LENGTH)


class FourEyesForm(forms.Form):
    four_eyes = forms.ChoiceField(choices=[(key, key) for key in _FOUR_EYES])
    reason = forms.CharField(max_length=REASON_LENGTH)


def context(deployment: Deployment) -> dict[str, Any]:
    """Who holds what on this model alone, whom one can choose, and the switch."""
    switch, everybody = switch_of(deployment), holders(deployment=deployment)
    return {
        "may_administer": True,
        "held": [
            {"name": one.name, "kind": one.kind, "holds": [code in one.permissions for code, _ in _CHOICES]}
            for one in everybody
            if one.permissions
        ],
        "users": [one.name for one in everybody if one.kind == "user"],
        "groups": [one.name for one in everybody if one.kind == "group"],
        "permission_choices": _CHOICES,
        "limit": limit_of(deployment),
        "default_limit": settings.RATE_LIMIT_PER_MODEL,
        "four_eyes_choice": next(key for key, value in _FOUR_EYES.items() if value is switch),
    }


def _set_permissions(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    holder = given["user"] or given["group"]
    model_permissions_set(
        model=deployment.model,
        holder=holder,
        permissions=given["permissions"],
        actor=Actor.person(request.user),
        reason=given["reason"],
    )
    verbs = ", ".join(code.partition("_")[0] for code in given["permissions"]) or "nothing of their own"
    return f"{holder} may {verbs} on {deployment.model}."


def _set_four_eyes(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    required = _FOUR_EYES[given["four_eyes"]]
    four_eyes_set(model=deployment.model, required=required, actor=Actor.person(request.user), reason=given["reason"])
    said = {None: "as declared", True: "on", False: "off"}[required]
    return f"Four eyes of {deployment.model}: {said}."


def _set_limit(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    limit = given["requests_per_minute"]
    model_limit_set(
        model=deployment.model, requests_per_minute=limit, actor=Actor.person(request.user), reason=given["reason"]
    )
    said = "the default" if limit is None else f"{limit} requests a minute" if limit else "none"
    return f"Limit of {deployment.model}: {said}."


MODEL_ACTIONS: dict[str, tuple[type[forms.Form], Action]] = {
    "permissions": (PermissionsForm, _set_permissions),
    "four_eyes": (FourEyesForm, _set_four_eyes),
    "limit": (ModelLimitForm, _set_limit),
}
