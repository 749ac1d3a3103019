"""The base of the admin's pages about rows that programs write. The pages themselves stand in the registry."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin
from unfold.views import ChangeList


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
