"""Filters of the prediction log. None of them reads the whole log to learn what it could offer."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter

from predictions.models import Feedback, Prediction
from registry_ui.selectors import models_visible

_NEWEST = 1_000
_OFFERED = ("version", "label", "route", "caller")
_READ = "_newest_predictions"

Predictions = QuerySet[Prediction]


class RecentValuesFilter(admin.SimpleListFilter):
    """Offers what the newest predictions hold that the person may see: one query for all such filters of a page."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        place = _OFFERED.index(str(self.parameter_name))
        values = {row[place] for row in _newest(request, model_admin)} - {""}
        return [(str(value), str(value)) for value in sorted(values)]

    def has_output(self) -> bool:
        """Also while there is nothing to offer, so that a value in the address is not taken for an unknown filter."""
        return bool(self.lookup_choices) or self.value() is not None

    def queryset(self, request: HttpRequest, queryset: Predictions) -> Predictions:
        value = self.value()
        if value is None:
            return queryset
        if self.parameter_name == "version" and not (value.isascii() and value.isdecimal() and len(value) < 10):
            return queryset.none()
        return queryset.filter(**{str(self.parameter_name): value})


class VersionFilter(RecentValuesFilter):
    title = parameter_name = "version"


class LabelFilter(RecentValuesFilter):
    title = parameter_name = "label"


class RouteFilter(RecentValuesFilter):
    title = parameter_name = "route"


class CallerFilter(RecentValuesFilter):
    title = parameter_name = "caller"


class ModelFilter(admin.SimpleListFilter):
    """Every model that ever served and that the person may look at, found without the log."""

    title = parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = models_visible(request.user).order_by("model").values_list("model", flat=True)
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: Predictions) -> Predictions:
        return queryset if self.value() is None else queryset.filter(model=self.value())


class FeedbackFilter(admin.SimpleListFilter):
    title = parameter_name = "feedback"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("with", "with a true label"), ("without", "without one")]

    def queryset(self, request: HttpRequest, queryset: Predictions) -> Predictions:
        if self.value() == "with":
            return queryset.filter(pk__in=Feedback.objects.values("prediction_id"))
        if self.value() == "without":
            return queryset.exclude(Exists(Feedback.objects.filter(prediction_id=OuterRef("pk"))))
        return queryset


class PeriodFilter(RangeDateTimeFilter):  # type: ignore[misc]
    """From one moment to another, in UTC. A day without a time is meant as a whole."""

    template = "registry_ui/period_filter.html"

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        """With what the other filters say: they are links, and the form that this one is sent with would lose them."""
        specs = [spec for spec in changelist.filter_specs if isinstance(spec, admin.SimpleListFilter)]
        others = {spec.parameter_name: spec.value() for spec in specs if spec.value() is not None}
        for choice in super().choices(changelist):
            yield {**choice, "others": others}

    def queryset(self, request: HttpRequest, queryset: Predictions) -> Predictions:
        start, end = self._moment("from", time.min), self._moment("to", time.max)
        if start is not None:
            queryset = queryset.filter(created_at__gte=start)
        return queryset if end is None else queryset.filter(created_at__lte=end)

    def _moment(self, bound: str, absent: time) -> datetime | None:
        day, clock = (self.used_parameters.get(f"created_at_{bound}_{part}", "").strip() for part in (0, 1))
        if not day:
            return None
        try:
            at = time.fromisoformat(clock) if clock else absent
            return datetime.combine(date.fromisoformat(day), at, UTC)
        except ValueError as error:
            raise IncorrectLookupParameters(str(error)) from error


def _newest(request: HttpRequest, model_admin: Any) -> list[tuple[Any, ...]]:
    """Read once a request."""
    rows: list[tuple[Any, ...]] | None = request.__dict__.get(_READ)
    if rows is None:
        newest = Prediction.objects.order_by("-created_at").filter(**model_admin.rows_visible(request))
        if model := request.GET.get("model"):
            newest = newest.filter(model=model)
        rows = request.__dict__[_READ] = list(newest.values_list(*_OFFERED)[:_NEWEST])
    return rows
