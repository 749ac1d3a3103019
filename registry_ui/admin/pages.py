"""Common to all pages of the registry: look-only rows, POST-only actions, conflicts shown where they arose."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.decorators import display

from ml_pipeline.errors import CodesoftError
from predictions.admin import ReadOnlyAdmin
from registry_ui.errors import RunActive, StaleGeneration, WrongState
from registry_ui.services.decisions import REASON_LENGTH

_CONFLICTS = (RunActive, StaleGeneration, WrongState)

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


class PageAdmin(ReadOnlyAdmin):
    """Rows with a page of their own. A subclass names its template, its context, and its actions."""

    page_template = ""
    list_disable_select_all = True
    actions: ClassVar[list[Any]] = []

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
        row: Model | None = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row

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
            except _CONFLICTS as error:
                row.refresh_from_db()
                return self._page(request, row, status=409, refused=action, conflict=_shown(error), typed=form.data)
            messages.success(request, done)
            return HttpResponseRedirect(reverse(f"admin:{self._url_name}_change", args=[object_id]))

        return cast(Callable[..., HttpResponse], require_POST(self.admin_site.admin_view(door)))


def _shown(error: CodesoftError) -> dict[str, Any]:
    return {"message": error.message, "advice": error.advice, "meanwhile": error.details.get("meanwhile", [])}
