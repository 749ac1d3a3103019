"""What serving saw and somebody should know."""

from typing import Any, ClassVar

from django.contrib import admin

from predictions.models import Observation
from registry_ui.admin.pages import PerModelAdmin


@admin.register(Observation)
class ObservationAdmin(PerModelAdmin):
    list_display: ClassVar = ["created_at", "kind", "model", "subject", "message"]
    list_filter: ClassVar = ["kind", "model", "created_at"]
    search_fields: ClassVar = ["subject"]
    ordering: ClassVar = ["-created_at"]
    actions: ClassVar[list[Any]] = []
