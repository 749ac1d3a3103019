"""Drift reports, and which models are due for one."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet

from predictions.models import Deployment, Prediction
from predictions.route_names import CHAMPION
from registry_ui.models import BackgroundTask, DriftReport, ModelVersion
from registry_ui.rules import monitoring_of

_JUDGED = (DriftReport.State.DRIFTED, DriftReport.State.STEADY)


def drift_reports(*, model: str) -> QuerySet[DriftReport]:
    """Newest first."""
    return DriftReport.objects.filter(model=model).order_by("-id")


def drift_judged(*, version: ModelVersion) -> DriftReport | None:
    """The last report about a version that says whether it drifted."""
    return drift_reports(model=version.model).filter(version=version.number, state__in=_JUDGED).first()


def drift_newest(*, deployments: Collection[Deployment], is_judged: bool = False) -> dict[str, DriftReport]:
    """Model → the newest report (`is_judged`: that says whether it drifted) about its champion, where there is one.

    One query, however many models.
    """
    champions = {one.model: one.champion_version for one in deployments if one.champion_version is not None}
    reports = DriftReport.objects.filter(model__in=champions, **({"state__in": _JUDGED} if is_judged else {}))
    about = reports.order_by().values("model", "version")
    newest = DriftReport.objects.filter(pk__in=about.annotate(newest=Max("pk")).values("newest"))
    return {one.model: one for one in newest.defer("estimates", "live") if one.version == champions[one.model]}


def drift_task(*, model: str) -> BackgroundTask | None:
    """The newest evaluation that was asked for, whether it waits, works or ended."""
    return BackgroundTask.objects.filter(kind=BackgroundTask.Kind.DRIFT, model=model).first()


def champion_answers(*, version: ModelVersion) -> QuerySet[Prediction]:
    """What the version answered as champion: the traffic that its held-out rows stand for."""
    return Prediction.objects.filter(model=version.model, route=CHAMPION, version=version.number)


def drift_is_due(*, version: ModelVersion, now: datetime) -> bool:
    """Whether the champion's time since the last report is over, and callers have asked it since."""
    hours = monitoring_of(version).every_hours
    if hours is None:
        return False
    last = drift_reports(model=version.model).filter(version=version.number).first()
    fresh = champion_answers(version=version)
    if last is not None:
        if now - last.created_at < timedelta(hours=hours):
            return False
        fresh = fresh.filter(created_at__gt=last.window_to or last.created_at)
    return fresh.exists()
