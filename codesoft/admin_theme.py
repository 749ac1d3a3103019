"""How the admin looks: its title and its side bar, for django-unfold."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _menu(title: str, icon: str, page: str, site: str = "admin:") -> dict[str, Any]:
    """An entry of the admin's side bar; a page about rows is shown to those who may view them."""
    item: dict[str, Any] = {"title": title, "icon": icon, "link": reverse_lazy(f"{site}{page}")}
    if page.endswith("_changelist"):
        item["permission"] = lambda request: _may_list(request, *page.rsplit("_", 2)[:2])
    return item


def _may_list(request: Any, app: str, model: str) -> bool:
    from django.apps import apps  # noqa: PLC0415 - Django reads these settings before it can be asked
    from django.contrib import admin  # noqa: PLC0415

    return bool(admin.site.get_model_admin(apps.get_model(app, model)).has_view_permission(request))


UNFOLD = {
    "ACCOUNT": {"navigation": [{"title": "Your tokens", "link": reverse_lazy("tokens")}]},
    "SITE_TITLE": "Codesoft MLOps",
    "SITE_HEADER": "Codesoft MLOps",
    "SITE_SUBHEADER": "Registry",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("codesoft.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "registry_ui.admin.home.dashboard",
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {"title": None, "items": [_menu("Overview", "home", "index")]},
            {
                "title": "Registry",
                "separator": True,
                "items": [
                    _menu("Models", "deployed_code", "predictions_deployment_changelist"),
                    _menu("Versions", "difference", "registry_ui_modelversion_changelist"),
                    _menu("Pipeline runs", "conversion_path", "registry_ui_pipelinerun_changelist"),
                    _menu("Schedules", "schedule", "django_celery_beat_periodictask_changelist"),
                    _menu("What served when", "history", "predictions_generation_served"),
                    _menu("Audit log", "policy", "registry_ui_auditentry_changelist"),
                    _menu("Foreign changes", "sync_problem", "registry_ui_foreignchange_changelist"),
                    _menu("Mirror outbox", "outbox", "registry_ui_outboxentry_changelist"),
                    _menu("Notifications", "notifications", "registry_ui_notification_changelist"),
                ],
            },
            {
                "title": "Serving",
                "separator": True,
                "items": [
                    _menu("Predictions", "insights", "predictions_prediction_changelist"),
                    _menu("True labels", "fact_check", "registry_ui_feedbackupload_changelist"),
                    _menu("Drift", "trending_down", "registry_ui_driftreport_changelist"),
                    _menu("Observations", "visibility", "predictions_observation_changelist"),
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    _menu("Users", "person", "auth_user_changelist"),
                    _menu("Groups", "group", "auth_group_changelist"),
                    _menu("API tokens", "key", "knox_authtoken_changelist"),
                    _menu("Your tokens", "vpn_key", "tokens", site=""),
                ],
            },
        ],
    },
}
