"""The prediction log: found by id, entity and filters, taken out as text, and each row with its receipt."""

import uuid
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from predictions.models import Feedback, Prediction
from predictions.verification import verify
from registry_ui.admin.exporting import Exportable
from registry_ui.admin.pages import Action, PageAdmin
from registry_ui.admin.prediction_filters import (
    CallerFilter,
    FeedbackFilter,
    LabelFilter,
    ModelFilter,
    PeriodFilter,
    RouteFilter,
    VersionFilter,
)
from registry_ui.errors import AnswerDiffers
from registry_ui.prediction_export import export_lines
from registry_ui.selectors import may_on_model, receipt_of
from registry_ui.services.access import VIEW


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than `most`: a log has no end, and nobody leafs so far."""

    most = 10_000

    @cached_property
    def count(self) -> int:
        counted: int = cast(QuerySet[Any], self.object_list)[: self.most].count()
        return counted


@admin.register(Prediction)
class PredictionAdmin(Exportable, PageAdmin):
    page_template = "registry_ui/prediction.html"
    export_name = "predictions"
    list_before_template = "registry_ui/predictions.html"
    paginator = BoundedPaginator
    list_display: ClassVar = [
        "created_at",
        "model",
        "version",
        "label",
        "shown_probability",
        "feedback",
        "route",
        "entity_id",
        "caller",
    ]
    list_filter: ClassVar = [
        ModelFilter,
        VersionFilter,
        LabelFilter,
        RouteFilter,
        CallerFilter,
        FeedbackFilter,
        ("created_at", PeriodFilter),
    ]
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # they would count the whole log
    list_defer: ClassVar = ["inputs"]
    search_fields: ClassVar = ["id", "entity_id"]
    search_help_text = "A prediction's whole id, or an entity's."
    ordering: ClassVar = ["-created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        told = Feedback.objects.filter(prediction_id=OuterRef("pk")).values("label")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(feedback=Subquery(told[:1]))
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Prediction], search_term: str
    ) -> tuple[QuerySet[Prediction], bool]:
        """Whole values only: a search for parts of words would read the whole log."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=uuid.UUID(term)), False
        except ValueError:
            return queryset.filter(entity_id=term, entity_id__gt=""), False  # the latter is the index's own condition

    @admin.display(description="Probability", ordering="probability")
    def shown_probability(self, row: Prediction) -> str:
        return f"{row.probability:.4f}"

    @admin.display(description="True label")
    def feedback(self, row: Any) -> str:
        return row.feedback or "–"

    def export_lines(self, shown: QuerySet[Prediction], form: str) -> Iterator[str]:
        return export_lines(predictions=shown, form=form)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"most": BoundedPaginator.most, **(extra_context or {})})

    def page_actions(self) -> dict[str, tuple[type[forms.Form], Action]]:
        return {"verify": (forms.Form, _verify)}

    def page_context(self, request: HttpRequest, row: Prediction) -> dict[str, Any]:
        receipt = receipt_of(row)
        version = receipt.version
        return {
            "title": f"{row.model} version {row.version}: {row.label}",
            "milliseconds": row.latency_us / 1_000,
            "receipt": receipt,
            "shown_version": version if version and may_on_model(request.user, VIEW, row.model) else None,  # type: ignore[arg-type]
        }


def _verify(_request: HttpRequest, row: Prediction, _given: Mapping[str, Any]) -> str:
    found = verify(prediction=row)
    if not found.agrees:
        raise AnswerDiffers(
            f"It does not agree: the bundle answers {found.label} with {found.probability!r} now.",
            advice=f"Logged was {row.label} with {row.probability!r}. The row, the libraries or the code changed.",
        )
    return f"It agrees: the bundle answers {found.label} with {found.probability:.10g} again."
