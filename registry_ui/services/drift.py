"""Drift: ask for an evaluation, do it in a worker, keep what it found, and tell once when it begins."""

from __future__ import annotations

from dataclasses import asdict
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction
from django.utils import timezone

from ml_pipeline.errors import CodesoftError
from ml_pipeline.spec import Monitoring
from predictions.models import Deployment
from registry_ui.errors import TaskFenced, WrongState
from registry_ui.models import BackgroundTask, DriftReport, ModelVersion, Trigger
from registry_ui.rules import monitoring_of, promotion_of
from registry_ui.selectors import champion_get, deployment_get, drift_is_due, drift_judged, drift_reports
from registry_ui.services.access import REQUEST, Actor
from registry_ui.services.background import Progress, task_request
from registry_ui.services.drift_files import drift_page_forget, drift_page_keep
from registry_ui.services.drift_window import Reference, Window, labelled_read, reference_prepared, window_read
from registry_ui.services.notifications import drift_notify
from registry_ui.services.retraining import retrain_when_due

if TYPE_CHECKING:
    from ml_pipeline.drift.live import LivePerformance
    from ml_pipeline.drift.samples import Sample

REPORTS_KEPT = 200  # a model
PAGES_KEPT = 20  # Evidently's pages, which have megabytes
_STEPS = 6
_State = DriftReport.State
_log = structlog.get_logger(__name__)


def drift_request(*, model: str, actor: Actor) -> BackgroundTask:
    """Ask for an evaluation of the champion; the active one where there is one. WrongState where nothing serves."""
    actor.require(REQUEST, model)
    deployment_get(model=model)
    if champion_get(model=model) is None:
        raise WrongState(f"Nothing serves {model}: there is no traffic to look at.", details={"model": model})
    return _ask(model, actor)


def drift_schedule() -> list[str]:
    """Ask for an evaluation of every champion that is due for one: their models."""
    due, now = [], timezone.now()
    for model in Deployment.objects.filter(champion_version__isnull=False).values_list("model", flat=True):
        champion = champion_get(model=model)
        if champion is not None and drift_is_due(version=champion, now=now):
            _ask(model, Actor.system("drift"))
            due.append(model)
    return due


def drift_evaluate(task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    """The task's work: one report, whatever becomes of it. Runs in a worker."""
    version = champion_get(model=task.model)
    if version is None:
        raise WrongState(f"Nothing serves {task.model} any more: there is no traffic to look at.")
    started = monotonic()
    report = DriftReport(
        model=version.model, version=version.number, bundle=version.bundle_hash, requested_by=task.requested_by
    )
    try:
        _judge(report, version, progress)
    except TaskFenced:
        raise
    except Exception as error:
        report.state = _State.FAILED
        report.error = str(error) if isinstance(error, CodesoftError) else f"{type(error).__name__}: {error}"
        _keep(report, version, progress, started)
        raise
    _keep(report, version, progress, started)
    return {"report": report.pk, "state": report.state}


def _ask(model: str, actor: Actor) -> BackgroundTask:
    return task_request(kind=BackgroundTask.Kind.DRIFT, subject=model, model=model, actor=actor)


def _judge(report: DriftReport, version: ModelVersion, progress: Progress) -> None:
    """Fill in the report: what there is to compare, and what comparing it gives."""
    declared = monitoring_of(version)
    progress.tell(0, _STEPS, "reading the log")
    window = window_read(version=version, most=declared.window_rows)
    report.rows, report.rows_with_inputs, report.minimum_rows = len(window), len(window.inputs), declared.minimum_rows
    if window.moments:
        report.window_from, report.window_to = window.moments[0], window.moments[-1]
    if len(window) < declared.minimum_rows:
        report.state = _State.INSUFFICIENT
    elif not version.scores_hash:
        report.state = _State.NO_REFERENCE
    else:
        from ml_pipeline.learning.threads import single_threaded  # noqa: PLC0415

        with single_threaded():  # many small sums: threads would wait for each other
            _compare(report, version, window, declared, progress)


def _compare(
    report: DriftReport, version: ModelVersion, window: Window, declared: Monitoring, progress: Progress
) -> None:
    from ml_pipeline.drift.evaluation import ranked  # noqa: PLC0415
    from ml_pipeline.drift.performance import estimates  # noqa: PLC0415
    from ml_pipeline.judgement import Yardstick  # noqa: PLC0415

    progress.tell(1, _STEPS, "preparing the held-out rows")
    reference = reference_prepared(
        bundle_hash=version.bundle_hash, rows_hash=version.rows_hash, scores_hash=version.scores_hash
    )
    report.reference_rows = len(reference.sample.answers)
    sample = window.sample(reference.bundle, minimum=declared.minimum_rows)
    thresholds = declared.thresholds.model_dump()
    found = reference.prepared.evaluate(sample, thresholds, tell=lambda step: progress.tell(2, _STEPS, step))
    progress.tell(3, _STEPS, "estimating performance")
    costs = Yardstick.of_public(reference.bundle.manifest["spec"]).costs
    report.estimates = [asdict(one) for one in estimates(reference.prepared.answers, sample.answers, costs=costs)]
    live = _live(version, reference, declared)
    report.live = None if live is None else asdict(live)
    told = [live.statistic(declared.thresholds.live_performance)] if live else []
    statistics = ranked([*found.statistics, *told])
    report.statistics = [{**asdict(one), "alarms": one.alarms, "beyond": one.beyond} for one in statistics]
    report.effective_rows = found.effective_rows
    report.state = _State.DRIFTED if any(one.alarms for one in statistics) else _State.STEADY
    progress.tell(4, _STEPS, "drawing Evidently's report")
    report.html = _page(reference, sample, declared)


def _live(version: ModelVersion, reference: Reference, declared: Monitoring) -> LivePerformance | None:
    from ml_pipeline.drift.live import live_performance  # noqa: PLC0415

    answers, truths = labelled_read(version=version, most=declared.window_rows)
    return live_performance(
        reference.prepared.answers,
        answers,
        truths,
        labels=reference.bundle.target.classes,
        metric=promotion_of(version).metric,
    )


def _page(reference: Reference, sample: Sample, declared: Monitoring) -> str:
    """The path of Evidently's page; empty where it could not be drawn: our own verdict stands without it."""
    from ml_pipeline.drift.evidently_report import evidently_html  # noqa: PLC0415

    try:
        page = evidently_html(
            reference.sample, sample, inputs=reference.bundle.inputs, threshold=declared.thresholds.distribution
        )
    except Exception:  # whatever a foreign library makes of somebody's columns
        _log.exception("evidently_failed", model=reference.bundle.model)
        return ""
    return drift_page_keep(page)


def _keep(report: DriftReport, version: ModelVersion, progress: Progress, started: float) -> None:
    """Save the report, tell where an episode begins, and let go of the oldest.

    An episode begins where the version's last judgement was another. Drift asks for a run each time it is found: the
    policy and its cool-down say whether one starts.
    """
    progress.tell(_STEPS, _STEPS)  # TaskFenced where another worker does it by now
    report.seconds = round(monotonic() - started, 3)
    with transaction.atomic():
        last = drift_judged(version=version)
        report.save()
        if report.state == _State.DRIFTED and (last is None or last.state != _State.DRIFTED):
            drift_notify(report)
        if report.state == _State.DRIFTED:
            retrain_when_due(model=report.model, trigger=Trigger.DRIFT, why=f"drift report {report.pk}")
    _forget_oldest(report.model)


def _forget_oldest(model: str) -> None:
    reports = drift_reports(model=model)
    kept = list(reports.exclude(html="").values_list("pk", "html")[PAGES_KEPT:])
    for key, path in kept:
        DriftReport.objects.filter(pk=key).update(html="")
        drift_page_forget(path)
    for old in reports[REPORTS_KEPT:]:
        old.delete()
