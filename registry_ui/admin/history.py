"""What served when: the generations of every model, and a page that answers for one moment."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_safe

from ml_pipeline.errors import CodesoftError, UnknownModel
from predictions.errors import InvalidRequest
from predictions.models import Deployment, Generation
from registry_ui.admin.pages import PerModelAdmin
from registry_ui.moments import past_moment_parse
from registry_ui.selectors import models_visible, served_at


@admin.register(Generation)
class GenerationAdmin(PerModelAdmin):
    list_display: ClassVar = [
        "model",
        "number",
        "champion_version",
        "canary_version",
        "canary_share",
        "cause",
        "created_at",
    ]
    list_filter: ClassVar = ["model"]
    ordering: ClassVar = ["-created_at"]
    actions: ClassVar[list[Any]] = []

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.served))
        return [path("served/", view, name="predictions_generation_served"), *super().get_urls()]

    def served(self, request: HttpRequest) -> HttpResponse:
        """A form that asks by GET, and its answer below it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = {"model": request.GET.get("model", ""), "at": request.GET.get("at", "")}
        visible = models_visible(request.user)
        answer, error = _answer(visible, **asked)
        context = {
            **admin.site.each_context(request),
            "title": "What served when",
            "opts": self.opts,
            "asked": asked,
            "models": visible.order_by("model").values_list("model", flat=True),
            "answer": answer,
            "error": error,
            "now": timezone.now(),
        }
        return TemplateResponse(request, "registry_ui/served.html", context, status=400 if error else 200)


def _answer(
    visible: QuerySet[Deployment], *, model: str, at: str
) -> tuple[dict[str, Any] | None, CodesoftError | None]:
    if not at:
        return None, None
    try:
        moment = past_moment_parse(at, field="at")
        served = served_at(at=moment, among=visible, model=model or None)
    except (InvalidRequest, UnknownModel) as error:
        return None, error
    return {"at": moment, "served": served}, None
