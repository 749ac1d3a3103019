"""A list that can be taken out as text, under the filters and the permissions that it is shown under."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path, reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin

from registry_ui.exports import CONTENT_TYPES, file_ending


class Exportable(ModelAdmin):  # type: ignore[misc]
    """Adds `export/csv/` and `export/json/` and, above the list, links to them. It stands before the other bases."""

    export_name = ""
    list_before_template = "registry_ui/export.html"

    def export_lines(self, shown: QuerySet[Any], form: str) -> Iterator[str]:
        """The rows that the list shows, as text."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.export))
        return [re_path(r"^export/(?P<form>csv|json)/$", view, name=self._export_url), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        links = {
            title: reverse(f"admin:{self._export_url}", kwargs={"form": form})
            for title, form in (("CSV", "csv"), ("JSON lines", "json"))
        }
        shown: HttpResponse = super().changelist_view(request, {"exports": links, **(extra_context or {})})
        return shown

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """The rows that the list shows under the same filters, on all of its pages, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            shown = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest("There is no such filter.", content_type="text/plain")
        name = f"{self.export_name}-{timezone.now():%Y%m%dT%H%M%SZ}.{file_ending(form)}"
        return StreamingHttpResponse(
            self.export_lines(shown, form),
            content_type=CONTENT_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @property
    def _export_url(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_export"
