"""The audit log and the decisions, to read and to take out."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet

from registry_ui.admin.exporting import Exportable
from registry_ui.admin.pages import PerModelAdmin
from registry_ui.audit_export import export_lines
from registry_ui.models import AuditEntry, Decision
from registry_ui.selectors import LARGE_COLUMNS


@admin.register(AuditEntry)
class AuditAdmin(Exportable, PerModelAdmin):
    export_name = "audit"
    list_display: ClassVar = ["sequence", "at", "actor", "action", "subject"]
    list_filter: ClassVar = ["action", "model", "at"]
    list_defer: ClassVar = ["payload"]
    search_fields: ClassVar = ["actor", "subject", "payload"]
    fields: ClassVar = ["sequence", "at", "actor", "action", "model", "subject", "payload", "previous_hash", "hash"]
    actions: ClassVar[list[Any]] = []

    def export_lines(self, shown: QuerySet[AuditEntry], form: str) -> Iterator[str]:
        return export_lines(entries=shown, form=form)


@admin.register(Decision)
class DecisionAdmin(PerModelAdmin):
    list_display: ClassVar = ["created_at", "version", "action", "actor", "reason", "generation_after"]
    list_filter: ClassVar = ["model", "action", "created_at"]
    list_select_related: ClassVar = ["version"]
    list_defer: ClassVar = ["evidence", *(f"version__{name}" for name in (*LARGE_COLUMNS, "recommendation"))]
    search_fields: ClassVar = ["actor", "reason"]
    actions: ClassVar[list[Any]] = []
