"""Messages that were written, sent or given up, to read; and a button that tries the channels."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from predictions.admin import ReadOnlyAdmin
from registry_ui.admin.pages import labelled
from registry_ui.models import Notification
from registry_ui.services.access import TEST_NOTIFICATION, Actor
from registry_ui.services.notifications import channels, trial_notify


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ["created_at", "channel", "text", "state", "attempts", "next_try_at", "last_error"]
    list_filter: ClassVar = ["channel", "event", "model", ("sent_at", admin.EmptyFieldListFilter)]
    list_before_template = "registry_ui/notification_test.html"
    actions: ClassVar[list[Any]] = []

    @admin.display(description="Message")
    def text(self, row: Notification) -> str:
        return str(row.message["text"])

    @labelled("State", {"sent": "success", "given_up": "danger", "failing": "warning", "queued": "info"})
    def state(self, row: Notification) -> tuple[str, str]:
        if row.sent_at:
            return "sent", f"Sent {row.sent_at:%Y-%m-%d %H:%M:%S}"
        if row.given_up_at:
            return "given_up", "Given up"
        return ("failing", "Trying again") if row.attempts else ("queued", "Queued")

    def get_urls(self) -> list[URLPattern]:
        view = require_POST(self.admin_site.admin_view(self.test))
        return [path("test/", view, name="registry_ui_notification_test"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"channels": channels(), "may_test": request.user.has_perm(TEST_NOTIFICATION)}
        return super().changelist_view(request, extra_context={**(extra_context or {}), **context})  # type: ignore[no-any-return]

    def test(self, request: HttpRequest) -> HttpResponse:
        queued = trial_notify(actor=Actor.person(request.user))
        messages.success(
            request, f"{queued} test message{'s' if queued > 1 else ''} queued. A worker sends within seconds."
        )
        return HttpResponseRedirect(reverse("admin:registry_ui_notification_changelist"))
