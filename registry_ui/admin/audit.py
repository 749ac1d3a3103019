"""The audit log and the decisions, to read and to take out."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBadRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from django.utils import timezone
from django.views.decorators.http import require_safe

from registry_ui.admin.pages import PerModelAdmin
from registry_ui.audit_export import export_lines
from registry_ui.models import AuditEntry, Decision
from registry_ui.selectors import LARGE_COLUMNS

_CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}


@admin.register(AuditEntry)
class AuditAdmin(PerModelAdmin):
    list_display: ClassVar = ["sequence", "at", "actor", "action", "subject"]
    list_filter: ClassVar = ["action", "model", "at"]
    list_before_template = "registry_ui/audit_export.html"
    list_defer: ClassVar = ["payload"]
    search_fields: ClassVar = ["actor", "subject", "payload"]
    fields: ClassVar = ["sequence", "at", "actor", "action", "model", "subject", "payload", "previous_hash", "hash"]
    actions: ClassVar[list[Any]] = []

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.export))
        own = re_path(r"^export/(?P<form>csv|json)/$", view, name="registry_ui_auditentry_export")
        return [own, *super().get_urls()]

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """The entries that the list shows under the same filters, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            shown = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseBadRequest("There is no such filter.", content_type="text/plain")
        name = f"audit-{timezone.now():%Y%m%dT%H%M%SZ}.{'jsonl' if form == 'json' else form}"
        return StreamingHttpResponse(
            export_lines(entries=shown, form=form),
            content_type=_CONTENT_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


@admin.register(Decision)
class DecisionAdmin(PerModelAdmin):
    list_display: ClassVar = ["created_at", "version", "action", "actor", "reason", "generation_after"]
    list_filter: ClassVar = ["model", "action", "created_at"]
    list_select_related: ClassVar = ["version"]
    list_defer: ClassVar = ["evidence", *(f"version__{name}" for name in (*LARGE_COLUMNS, "recommendation"))]
    search_fields: ClassVar = ["actor", "reason"]
    actions: ClassVar[list[Any]] = []
