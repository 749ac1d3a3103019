"""The prediction log and the observations in the admin, to look at. What serves has its pages in the registry."""

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from predictions.models import Deployment, Observation, Prediction


class LightChangeList(ChangeList):  # type: ignore[misc]
    """A list that leaves large columns in the database."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return rows.defer(*self.model_admin.list_defer)


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that people read and programs write: a page of Django's is answered to GET alone.

    `list_defer` names columns that the list does not show.
    """

    show_full_result_count = False
    list_per_page = 50
    list_defer: ClassVar[Sequence[str]] = ()

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        for url in urls:
            url.callback = require_safe(url.callback)
        return urls

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[LightChangeList]:
        return LightChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RecentValuesFilter(admin.SimpleListFilter):
    """Offers what the newest predictions hold: all values ever would be found only by reading the whole log."""

    _newest = 1_000

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = Prediction.objects.order_by("-created_at")
        if model := request.GET.get("model"):
            newest = newest.filter(model=model)
        values = set(newest.values_list(str(self.parameter_name), flat=True)[: self._newest])
        return [(str(value), str(value)) for value in sorted(values)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> QuerySet[Prediction]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{str(self.parameter_name): value})


class VersionFilter(RecentValuesFilter):
    title = parameter_name = "version"


class LabelFilter(RecentValuesFilter):
    title = parameter_name = "label"


class RouteFilter(RecentValuesFilter):
    title = parameter_name = "route"


class ModelFilter(admin.SimpleListFilter):
    """Every model that ever served, found without the log."""

    title = parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in Deployment.objects.order_by("model").values_list("model", flat=True)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(model=self.value())


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["created_at", "model", "version", "label", "probability", "route", "entity_id", "caller"]
    list_filter: ClassVar = [ModelFilter, VersionFilter, LabelFilter, RouteFilter, "created_at"]
    list_defer: ClassVar = ["inputs"]
    search_fields: ClassVar = ["id", "entity_id"]
    search_help_text = "A prediction's whole id, or an entity's."
    ordering: ClassVar = ["-created_at"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Prediction], search_term: str
    ) -> tuple[QuerySet[Prediction], bool]:
        """Whole values only: a search for parts of words would read the whole log."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=uuid.UUID(term)), False
        except ValueError:
            return queryset.filter(entity_id=term), False


@admin.register(Observation)
class ObservationAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["created_at", "kind", "model", "subject", "message"]
    list_filter: ClassVar = ["kind", "model", "created_at"]
    search_fields: ClassVar = ["subject"]
    ordering: ClassVar = ["-created_at"]
