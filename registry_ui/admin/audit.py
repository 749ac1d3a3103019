"""The audit log and the decisions, to read."""

from typing import Any, ClassVar

from django.contrib import admin

from registry_ui.admin.pages import PerModelAdmin
from registry_ui.models import AuditEntry, Decision


@admin.register(AuditEntry)
class AuditAdmin(PerModelAdmin):
    list_display: ClassVar = ["sequence", "at", "actor", "action", "subject"]
    list_filter: ClassVar = ["action", "model", "at"]
    search_fields: ClassVar = ["actor", "subject", "payload"]
    fields: ClassVar = ["sequence", "at", "actor", "action", "model", "subject", "payload", "previous_hash", "hash"]
    actions: ClassVar[list[Any]] = []


@admin.register(Decision)
class DecisionAdmin(PerModelAdmin):
    list_display: ClassVar = ["created_at", "version", "action", "actor", "reason", "generation_after"]
    list_filter: ClassVar = ["model", "action", "created_at"]
    list_select_related: ClassVar = ["version"]
    search_fields: ClassVar = ["actor", "reason"]
    actions: ClassVar[list[Any]] = []
