"""Common to all pages of the registry: look-only rows, POST-only actions, conflicts shown where they arose."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.decorators import display

from ml_pipeline.errors import CodesoftError, InvalidBundle
from predictions.admin import ReadOnlyAdmin
from predictions.errors import InputHashDiffers, InputsNotKept, VerifierBusy
from registry_ui.errors import (
    Frozen,
    IncompatibleInputs,
    InvalidPlan,
    InvalidSchedule,
    InvalidShare,
    InvalidToken,
    ReasonRequired,
    RunActive,
    StaleGeneration,
    Troubled,
    WrongState,
)
from registry_ui.selectors import granted_on_models, may_on_model
from registry_ui.services.access import VIEW, Actor
from registry_ui.services.decisions import REASON_LENGTH
from registry_ui.services.preconditions import Confirmed

_CONFLICTS = (
    Frozen,
    IncompatibleInputs,
    InputHashDiffers,
    InputsNotKept,
    InvalidBundle,
    RunActive,
    StaleGeneration,
    Troubled,
    VerifierBusy,
    WrongState,
)
_INVALID = (InvalidPlan, InvalidSchedule, InvalidShare, InvalidToken, ReasonRequired)

Action = Callable[[HttpRequest, Any, Mapping[str, Any]], str]
Column = TypeVar("Column", bound=Callable[..., Any])


def labelled(description: str, colours: Mapping[str, str]) -> Callable[[Column], Column]:
    """A list column that gives (key, text) and is shown as a badge in the key's colour."""
    return cast(Callable[[Column], Column], display(description=description, label=dict(colours)))


class DecisionForm(forms.Form):
    """A decision as a page posts it: the reason, and the generation that the page showed."""

    reason = forms.CharField(max_length=REASON_LENGTH)
    expected_generation = forms.IntegerField(min_value=0)


class ConfirmedForm(DecisionForm):
    """A decision that changes what serves: the box names the version to be replaced."""

    confirm = forms.BooleanField()


class ServingForm(ConfirmedForm):
    """A decision that lets a version serve; what it refuses or why it went is confirmed where there is such a thing."""

    confirm_incompatible = forms.BooleanField(required=False)
    confirm_rolled_back = forms.IntegerField(required=False)


def given_confirmation(given: Mapping[str, Any]) -> Confirmed:
    """What a valid ServingForm confirms."""
    return Confirmed(incompatible=given["confirm_incompatible"], trouble=given["confirm_rolled_back"])


class PerModelAdmin(ReadOnlyAdmin):
    """Rows with a column `model`. Who may not look at all of them sees those of the models that they may look at."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).filter(**self.rows_visible(request))
        return rows

    def rows_visible(self, request: HttpRequest) -> dict[str, Any]:
        """What to filter by, so that only rows are left that the person may look at."""
        if super().has_view_permission(request):
            return {}
        return {"model__in": list(granted_on_models(cast(User, request.user)))}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if super().has_view_permission(request, obj):
            return True
        if not isinstance(request.user, User):
            return False
        return may_on_model(request.user, VIEW, obj.model) if obj else bool(granted_on_models(request.user))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return super().has_module_permission(request) or self.has_view_permission(request)


class PageAdmin(PerModelAdmin):
    """Rows with a page of their own. A subclass names its template, its context, and its actions."""

    page_template = ""
    ending_actions: ClassVar[frozenset[str]] = frozenset()  # those after which the row is gone
    list_disable_select_all = True
    actions: ClassVar[list[Any]] = []

    def page_rows(self) -> QuerySet[Any]:
        """All rows, with what a page shows of them."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        raise NotImplementedError

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        """Name → form and what it calls; the call gives a sentence about what was done."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        name = self._url_name
        own = [
            path(f"<path:object_id>/{action}/", self._door(action, form, call), name=f"{name}_{action}")
            for action, (form, call) in self.page_actions().items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return self._page(request, self._row(request, object_id))

    @property
    def _url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _row(self, request: HttpRequest, object_id: str) -> Model:
        try:
            row = self.page_rows().get(pk=object_id)
        except (self.model.DoesNotExist, ValidationError, ValueError) as error:
            raise Http404 from error
        self.require_view(request, row)
        return cast(Model, row)

    def require_view(self, request: HttpRequest, row: Any) -> None:
        """PermissionRefused for who may not look at the row."""
        if not self.has_view_permission(request, row):
            Actor.person(request.user).require(VIEW, row.model)

    def _page(self, request: HttpRequest, row: Model, *, status: int = 200, **more: Any) -> HttpResponse:
        context = {
            **admin.site.each_context(request),
            "title": str(row),
            "opts": self.opts,
            "row": row,
            **self.page_context(request, row),
            **more,
        }
        return TemplateResponse(request, self.page_template, context, status=status)

    def _door(self, action: str, form_class: type[forms.Form], call: Action) -> Callable[..., HttpResponse]:
        def door(request: HttpRequest, object_id: str) -> HttpResponse:
            row = self._row(request, object_id)
            form = form_class(request.POST)
            if not form.is_valid():
                return self._page(request, row, status=400, refused=action, form_errors=form.errors, typed=form.data)
            try:
                done = call(request, row, form.cleaned_data)
            except _INVALID as error:
                errors = {error.details["field"]: [error.message]}
                return self._page(request, row, status=400, refused=action, form_errors=errors, typed=form.data)
            except _CONFLICTS as error:
                row.refresh_from_db()
                return self._page(request, row, status=409, refused=action, conflict=_shown(error), typed=form.data)
            messages.success(request, done)
            if action in self.ending_actions:
                return HttpResponseRedirect(reverse(f"admin:{self._url_name}_changelist"))
            return HttpResponseRedirect(reverse(f"admin:{self._url_name}_change", args=[object_id]))

        return cast(Callable[..., HttpResponse], require_POST(self.admin_site.admin_view(door)))


def _shown(error: CodesoftError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "advice": error.advice, **error.details}
