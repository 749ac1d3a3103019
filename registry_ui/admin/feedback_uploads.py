"""True labels from a file: upload it, look at what would become of each line, confirm, and take it back if need be."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from registry_ui.admin.pages import Action, PageAdmin, labelled
from registry_ui.errors import InvalidUpload
from registry_ui.exports import CONTENT_TYPES, export_text
from registry_ui.feedback_csv import MOST_BYTES, MOST_LINES
from registry_ui.labelling_export import MOST_ROWS, labelling_lines
from registry_ui.models import FeedbackUpload
from registry_ui.selectors import may_see_predictions, models_visible
from registry_ui.services.access import Actor
from registry_ui.services.feedback_uploads import (
    REFUSED,
    WRITTEN,
    upload_check,
    upload_confirm,
    upload_revert,
)

_SHOWN = 50
_COLOURS = {"checked": "warning", "applied": "success", "reverted": "default"}
_WORDS = {
    "new": "New labels",
    "changed": "Replace another label",
    "same": "Known already",
    "empty": "Without a label",
    "unknown_prediction": "Unknown predictions, or not yours to see",
    "pending": "Predictions still on their way",
    "unknown_label": "Labels that the model does not have",
    "repeated": "Repeated lines",
    "contradicted": "Several labels for one prediction",
    "no_id": "No id of a prediction",
}
_COLUMNS = ("line", "prediction_id", "label", "outcome", "explanation")


@admin.register(FeedbackUpload)
class FeedbackUploadAdmin(PageAdmin):
    """Everybody sees their own uploads; who may look at all of them sees those of others too."""

    page_template = "registry_ui/upload.html"
    list_before_template = "registry_ui/upload_new_link.html"
    list_display: ClassVar = ["file_name", "uploaded_by", "shown_state", "written", "refused", "created_at"]
    list_filter: ClassVar = ["state"]
    list_defer: ClassVar = ["lines"]
    ordering: ClassVar = ["-created_at"]

    @labelled("State", _COLOURS)
    def shown_state(self, row: FeedbackUpload) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @admin.display(description="Labels")
    def written(self, row: FeedbackUpload) -> int:
        return _sum(row, WRITTEN)

    @admin.display(description="Refused lines")
    def refused(self, row: FeedbackUpload) -> int:
        return _sum(row, REFUSED)

    def get_urls(self) -> list[URLPattern]:
        doors: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
            "new": ("new/", require_http_methods(["GET", "HEAD", "POST"])(self.new_view)),
            "to_label": ("to-label/", require_safe(self.to_label_view)),
            "result": ("<int:object_id>/result/", require_safe(self.result_view)),
        }
        own = [
            path(place, self.admin_site.admin_view(view), name=f"{self._url_name}_{name}")
            for name, (place, view) in doors.items()
        ]
        return [*own, *super().get_urls()]

    def rows_visible(self, request: HttpRequest) -> dict[str, Any]:
        return {} if _sees_all(request) else {"uploaded_by": request.user.get_username()}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or _sees_all(request) or obj.uploaded_by == request.user.get_username()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def require_view(self, request: HttpRequest, row: Any) -> None:
        if not self.has_view_permission(request, row):
            Actor.person(request.user).require("registry_ui.view_feedbackupload")

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {"confirm": (forms.Form, _confirm), "revert": (forms.Form, _revert)}

    def page_context(self, request: HttpRequest, row: FeedbackUpload) -> dict[str, Any]:
        refused = [line for line in row.lines if line[3] in REFUSED]
        return {
            "title": row.file_name,
            "colour": _COLOURS[row.state],
            "counts": [
                (text, row.counts[name], name in REFUSED) for name, text in _WORDS.items() if name in row.counts
            ],
            "written": _sum(row, WRITTEN),
            "refused_lines": [(*line[:3], line[4]) for line in refused[:_SHOWN]],
            "refused_count": len(refused),
            "is_own": row.uploaded_by == request.user.get_username(),
        }

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """The form, and its answer: the page of the upload, or what is wrong with the file."""
        error = None
        if request.method == "POST":
            try:
                upload = _read(request)
            except InvalidUpload as refusal:
                error = refusal
            else:
                return HttpResponseRedirect(reverse(f"admin:{self._url_name}_change", args=[upload.pk]))
        names = models_visible(request.user).order_by("model").values_list("model", flat=True)
        context = {
            **admin.site.each_context(request),
            "title": "Upload true labels",
            "opts": self.opts,
            "error": error,
            "most_lines": MOST_LINES,
            "most_mebibytes": MOST_BYTES // 2**20,
            "most_rows": MOST_ROWS,
            "models": [name for name in names if may_see_predictions(request.user, name)],
        }
        return TemplateResponse(request, "registry_ui/upload_new.html", context, status=400 if error else 200)

    def to_label_view(self, request: HttpRequest) -> HttpResponseBase:
        """A sample of predictions without a true label, to be filled in and uploaded."""
        model = request.GET.get("model", "")
        if not may_see_predictions(request.user, model):
            Actor.person(request.user).require("predictions.view_prediction", model)
        return _download(labelling_lines(model=model), f"{model}-to-label")

    def result_view(self, request: HttpRequest, object_id: int) -> HttpResponseBase:
        """Every line with what became of it, as CSV."""
        row: Any = self._row(request, str(object_id))
        lines = (dict(zip(_COLUMNS, line, strict=False)) for line in row.lines)
        return _download(export_text(columns=_COLUMNS, rows=lines, form="csv"), f"upload-{row.pk}")


def _read(request: HttpRequest) -> FeedbackUpload:
    """Nothing of a file that is too large is read into memory."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile) or not file.size:
        raise InvalidUpload("No file was sent, or an empty one.", advice="Choose a CSV file.")
    if file.size > MOST_BYTES:
        raise InvalidUpload(f"The file is larger than {MOST_BYTES // 2**20} MiB.", advice="Split it.")
    return upload_check(file_name=str(file.name), content=file.read(), actor=Actor.person(request.user))


def _download(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    file = f"{name}-{timezone.now():%Y%m%dT%H%M%SZ}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return StreamingHttpResponse(lines, content_type=CONTENT_TYPES["csv"], headers=headers)


def _sees_all(request: HttpRequest) -> bool:
    return request.user.has_perm("registry_ui.view_feedbackupload")


def _sum(row: FeedbackUpload, outcomes: tuple[str, ...]) -> int:
    return sum(row.counts.get(outcome, 0) for outcome in outcomes)


def _confirm(request: HttpRequest, row: FeedbackUpload, _: Mapping[str, Any]) -> str:
    upload = upload_confirm(upload=row, actor=Actor.person(request.user))
    return f"{_sum(upload, WRITTEN)} labels are kept. The live performance has them within a minute."


def _revert(request: HttpRequest, row: FeedbackUpload, _: Mapping[str, Any]) -> str:
    upload = upload_revert(upload=row, actor=Actor.person(request.user))
    left = f" {upload.left_alone} were told anew or confirmed since and stay." if upload.left_alone else ""
    return f"The labels from before the upload hold again.{left}"
