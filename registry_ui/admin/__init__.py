"""The admin: what an approver looks at and presses. Every button is a POST to a service; a GET changes nothing."""

from django.contrib import admin

from registry_ui.admin import (
    audit,
    deployments,
    drift,
    feedback_uploads,
    history,
    mirror,
    notifications,
    observations,
    outbox,
    predictions,
    runs,
    tokens,
    users,
    versions,
)

admin.site.index_title = "Overview"
admin.site.index_template = "registry_ui/home.html"

__all__ = [
    "audit",
    "deployments",
    "drift",
    "feedback_uploads",
    "history",
    "mirror",
    "notifications",
    "observations",
    "outbox",
    "predictions",
    "runs",
    "tokens",
    "users",
    "versions",
]
