"""One's own API tokens: a list, a form for a new one, and a page that asks before one is revoked.

A new token is in the answer to the form that made it and nowhere else: not in the session, not in a page that could be
opened again. Sending that form twice, as a reload does, makes no second one.
"""

import secrets
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from predictions.models import Deployment
from predictions.scopes import FEEDBACK, MANAGE, PREDICT, READ
from predictions.web.views import takes
from registry_ui.selectors import token_described, token_find, tokens_of
from registry_ui.services.access import Actor
from registry_ui.services.tokens import NAME_LENGTH, token_create, token_revoke

SCOPE_CHOICES = [
    (PREDICT, "Ask for predictions"),
    (FEEDBACK, "Report what turned out to be right"),
    (READ, "Look at models, versions, runs and predictions"),
    (MANAGE, "Train, decide, roll back: what you may do yourself"),
]
EXPIRY_CHOICES = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")]
EVERY, SOME = "every", "some"
_SENT = "token_forms_sent"
_REMEMBERED = 20


class TokenForm(forms.Form):
    """`once` names this form: it makes one token, however often it is sent."""

    once = forms.CharField(max_length=40)
    name = forms.CharField(max_length=NAME_LENGTH)
    scopes = forms.MultipleChoiceField(choices=SCOPE_CHOICES)
    reach = forms.ChoiceField(choices=[(EVERY, EVERY), (SOME, SOME)])
    models = forms.MultipleChoiceField(required=False)
    days = forms.ChoiceField(choices=EXPIRY_CHOICES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = list(Deployment.objects.order_by("model").values_list("model", flat=True))
        cast(forms.MultipleChoiceField, self.fields["models"]).choices = [(name, name) for name in self.known]
        cast(forms.MultipleChoiceField, self.fields["scopes"]).error_messages["required"] = "Choose at least one."

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        chosen = bool(given.get("models"))
        if given.get("reach") == SOME and not chosen and "models" not in self.errors:
            raise forms.ValidationError({"models": "Choose at least one model, or every model."})
        if given.get("reach") == EVERY and chosen:
            raise forms.ValidationError({"models": "Choose every model or some, not both."})
        return given


@takes("GET", "HEAD", "POST")
@never_cache
@login_required
def tokens_page(request: HttpRequest) -> HttpResponse:
    """The list and the form; after a POST the new token, once."""
    if request.method != "POST":
        return _page(request, TokenForm(initial=_initial()))
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    if _sent_before(request, form.cleaned_data["once"]):
        messages.info(request, "That form has made its token, which was shown once. Make another if you lost it.")
        return redirect("tokens")
    return _page(request, TokenForm(initial=_initial()), made=_make(cast(User, request.user), form.cleaned_data))


@takes("GET", "HEAD", "POST")
@never_cache
@login_required
def revoke_page(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """Asks, and at a POST revokes."""
    user = cast(User, request.user)
    token = token_described(token_find(fingerprint=fingerprint, owner=user))
    if request.method != "POST":
        return render(request, "registry_ui/token_revoke.html", {"token": token})
    token_revoke(fingerprint=fingerprint, actor=Actor.person(user))
    messages.success(request, f"{token.name} is revoked: whoever sends it gets 401 within a second.")
    return redirect("tokens")


def _initial() -> dict[str, Any]:
    return {"once": secrets.token_urlsafe(12), "scopes": [PREDICT], "reach": EVERY, "days": "90", "models": []}


def _make(owner: User, given: dict[str, Any]) -> dict[str, str]:
    token = token_create(
        owner=owner,
        actor=Actor.person(owner),
        name=given["name"],
        scopes=given["scopes"],
        model_names=given["models"] if given["reach"] == SOME else None,
        expires_in=timedelta(days=int(given["days"])),
    )
    return {"name": given["name"], "token": token}


def _sent_before(request: HttpRequest, once: str) -> bool:
    """Whether this form was taken already; from now on it was."""
    sent = request.session.get(_SENT, [])
    request.session[_SENT] = [*sent, once][-_REMEMBERED:]
    return once in sent


def _page(
    request: HttpRequest, form: TokenForm, *, made: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "tokens": tokens_of(owner=cast(User, request.user)),
        "made": made,
        "form": form,
        "typed": {name: form[name].value() for name in form.fields},
        "scope_choices": SCOPE_CHOICES,
        "expiry_choices": EXPIRY_CHOICES,
        "models": form.known,
    }
    return render(request, "registry_ui/tokens.html", context, status=status)
