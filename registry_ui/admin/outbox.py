"""What still has to reach the tracking server, to read."""

from typing import Any, ClassVar

from django.contrib import admin

from registry_ui.admin.pages import PerModelAdmin
from registry_ui.models import OutboxEntry


@admin.register(OutboxEntry)
class OutboxAdmin(PerModelAdmin):
    list_display: ClassVar = ["created_at", "model", "cause", "attempts", "next_try_at", "done_at", "last_error"]
    list_filter: ClassVar = ["model", ("done_at", admin.EmptyFieldListFilter)]
    actions: ClassVar[list[Any]] = []
