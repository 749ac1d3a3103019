"""API tokens of everybody, for administrators: what each may do and when it was last used; to limit and to revoke.

Nobody makes one here: a token is made by its owner at /tokens/, where it is shown.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from knox.models import AuthToken

from registry_ui.admin.pages import Action, PageAdmin, labelled
from registry_ui.selectors import token_described, token_rows
from registry_ui.services.access import ADMINISTER, Actor
from registry_ui.services.decisions import REASON_LENGTH
from registry_ui.services.tokens import HIGHEST_LIMIT, token_limit_set, token_revoke

admin.site.unregister(AuthToken)


class LimitForm(forms.Form):
    """Requests a minute; empty is the default, 0 no limit."""

    requests_per_minute = forms.IntegerField(required=False, min_value=0, max_value=HIGHEST_LIMIT)
    reason = forms.CharField(max_length=REASON_LENGTH)


class RevokeForm(forms.Form):
    confirm = forms.BooleanField()


@admin.register(AuthToken)
class TokenAdmin(PageAdmin):
    page_template = "registry_ui/token.html"
    ending_actions: ClassVar = frozenset({"revoke"})
    list_display: ClassVar = ["name", "owner", "scopes", "on_models", "created", "expires", "last_used"]
    list_filter: ClassVar = ["created", "expiry"]
    search_fields: ClassVar = ["details__name", "user__username"]
    ordering: ClassVar = ["-created"]

    @admin.display(description="Name", ordering="details__name")
    def name(self, row: AuthToken) -> str:
        return token_described(row).name

    @admin.display(description="Owner", ordering="user__username")
    def owner(self, row: AuthToken) -> str:
        return token_described(row).owner

    @admin.display(description="Scopes")
    def scopes(self, row: AuthToken) -> str:
        return ", ".join(token_described(row).scopes)

    @admin.display(description="Models")
    def on_models(self, row: AuthToken) -> str:
        models = token_described(row).models
        return "every model" if models is None else ", ".join(models)

    @labelled("Expires", {"good": "success", "expired": "danger"})
    def expires(self, row: AuthToken) -> tuple[str, str]:
        said = token_described(row)
        shown = f"{said.expires_at:%Y-%m-%d}" if said.expires_at else "never"
        return ("expired", f"Expired {shown}") if said.is_expired else ("good", shown)

    @admin.display(description="Last used", ordering="details__last_used_at", empty_value="never")
    def last_used(self, row: AuthToken) -> Any:
        return token_described(row).last_used_at

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.page_rows() if self.has_view_permission(request) else AuthToken.objects.none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(ADMINISTER)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def require_view(self, request: HttpRequest, row: Any) -> None:
        Actor.person(request.user).require(ADMINISTER)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "title": "API tokens"})  # type: ignore[no-any-return]

    def page_rows(self) -> QuerySet[Any]:
        return token_rows()  # type: ignore[no-any-return]

    def page_context(self, request: HttpRequest, row: AuthToken) -> dict[str, Any]:
        said = token_described(row)
        return {"title": said.name, "token": said}

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {"limit": (LimitForm, _set_limit), "revoke": (RevokeForm, _revoke)}


def _set_limit(request: HttpRequest, row: AuthToken, given: Mapping[str, Any]) -> str:
    said, limit = token_described(row), given["requests_per_minute"]
    token_limit_set(
        fingerprint=said.fingerprint,
        requests_per_minute=limit,
        actor=Actor.person(request.user),
        reason=given["reason"],
    )
    return f"{said.name} may ask {limit_in_words(limit)}."


def _revoke(request: HttpRequest, row: AuthToken, _: Mapping[str, Any]) -> str:
    name = token_revoke(fingerprint=token_described(row).fingerprint, actor=Actor.person(request.user))
    return f"{name} is revoked: whoever sends it gets 401 within a second."


def limit_in_words(limit: int | None) -> str:
    """A limit of a token or a model, for a sentence."""
    if limit is None:
        return "as often as the default says"
    return f"{limit} times a minute" if limit else "as often as it likes"
