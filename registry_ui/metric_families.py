"""The registry's rows as Prometheus families. Alert rules and dashboards know these names.

What workers do is told from rows and not from counters in their memory: two workers add up, one that was killed has
lost nothing, and a model's label cannot be invented. `READERS` is the list; each entry reads what it tells.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from predictions.models import Deployment
from registry_ui.models import DriftReport
from registry_ui.selectors import (
    drift_newest,
    live_accuracies,
    models_held,
    notifications_given_up,
    outbox_pending,
    run_counts,
)
from registry_ui.selectors.monitoring import (
    decision_counts,
    guard_age_seconds,
    outbox_oldest_seconds,
    queues,
    run_durations,
    versions_serving,
    waiting_counts,
)
from registry_ui.services.background import LEASE

Reader = Callable[[], Iterable[Metric]]


def registry_metrics() -> list[Metric]:
    """Everything that the registry tells, as the rows are now."""
    return [family for read in READERS for family in read()]


def _runs() -> Iterator[Metric]:
    yield _gauge("codesoft_pipeline_runs", "Pipeline runs by state.", ["model", "state"], run_counts())
    took = SummaryMetricFamily(
        "codesoft_pipeline_run_seconds", "How long ended pipeline runs took.", labels=["model", "state"]
    )
    for labels, (count, seconds) in run_durations().items():
        took.add_metric(labels, count_value=count, sum_value=seconds)
    yield took


def _queues() -> Iterator[Metric]:
    """Due rows and not the broker's messages: a row is sent again when a message is lost."""
    found = {(name,): queue for name, queue in queues(task_lease=LEASE).items()}
    of = ["queue"]
    waiting = {name: queue.waiting for name, queue in found.items()}
    oldest = {name: queue.oldest_seconds for name, queue in found.items()}
    leases = {name: queue.lease_age_seconds for name, queue in found.items()}
    yield _gauge("codesoft_queue_length", "Work that is due and not begun.", of, waiting)
    yield _gauge("codesoft_queue_oldest_seconds", "Since when the oldest of it waits.", of, oldest)
    yield _gauge(
        "codesoft_lease_age_seconds", "Since when running work has not renewed its lease, at most.", of, leases
    )


def _mirror() -> Iterator[Metric]:
    yield GaugeMetricFamily("codesoft_outbox_pending", "Changes not yet mirrored to MLflow.", value=outbox_pending())
    yield GaugeMetricFamily(
        "codesoft_outbox_oldest_seconds", "Since when the oldest such change waits.", value=outbox_oldest_seconds()
    )


def _notifications() -> Iterator[Metric]:
    given_up = {(channel,): count for channel, count in notifications_given_up().items()}
    yield _gauge("codesoft_notifications_given_up", "Messages that were never delivered.", ["channel"], given_up)


def _versions() -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "codesoft_model_info", "1 for each version that serves.", labels=["model", "role", "version", "bundle"]
    )
    born = GaugeMetricFamily(
        "codesoft_model_registered_timestamp_seconds",
        "When the version that serves was registered.",
        labels=["model", "role", "version"],
    )
    for one in versions_serving():
        info.add_metric([one.model, one.role, str(one.version), one.bundle[:12]], 1)
        if one.registered_at is not None:
            born.add_metric([one.model, one.role, str(one.version)], one.registered_at.timestamp())
    yield info
    yield born
    waiting = {(model,): count for model, count in waiting_counts().items()}
    yield _gauge("codesoft_versions_waiting", "Versions that wait for a decision.", ["model"], waiting)
    yield _gauge("codesoft_decisions", "Decisions taken, by what was decided.", ["model", "action"], decision_counts())


def _feedback() -> Iterator[Metric]:
    """Of the champions in the last month, where a true label is known."""
    live = live_accuracies(deployments=list(Deployment.objects.all())).items()
    found = {(model, str(one.version)): one for model, one in live}
    of = ["model", "version"]
    accuracy = {labels: one.accuracy.value for labels, one in found.items()}
    low = {labels: one.accuracy.low for labels, one in found.items()}
    high = {labels: one.accuracy.high for labels, one in found.items()}
    known = {labels: one.labels for labels, one in found.items()}
    held_out = {labels: one.held_out for labels, one in found.items() if one.held_out is not None}
    yield _gauge("codesoft_feedback_accuracy", "Share of right answers among the labelled ones.", of, accuracy)
    yield _gauge("codesoft_feedback_accuracy_low", "Its 95 % interval's lower end.", of, low)
    yield _gauge("codesoft_feedback_accuracy_high", "Its 95 % interval's upper end.", of, high)
    yield _gauge("codesoft_feedback_labels", "How many true labels are known.", of, known)
    yield _gauge("codesoft_held_out_accuracy", "What the version reached on held-out rows.", of, held_out)


def _drift() -> Iterator[Metric]:
    """Of every champion: `state` is `none` until drift was looked for. A look that failed, or had too few rows, takes
    back nothing of what the last one found that could judge."""
    serving = list(Deployment.objects.filter(champion_version__isnull=False))
    newest, judged = drift_newest(deployments=serving), drift_newest(deployments=serving, is_judged=True)
    found_last = {
        (model, str(one.version)): float(one.state == DriftReport.State.DRIFTED) for model, one in judged.items()
    }
    states, sizes = {}, {}
    for one in serving:
        report, of = newest.get(one.model), (one.model, str(one.champion_version))
        states[*of, report.state if report else "none"] = 1
        for found in report.statistics if report else ():
            sizes[*of, found["kind"], found["field"] or ""] = found["value"]
    labels = ["model", "version"]
    yield _gauge("codesoft_drift_state", "1 for what the last look for drift found.", [*labels, "state"], states)
    yield _gauge("codesoft_drift_found", "Whether the last look that could judge found drift.", labels, found_last)
    yield _gauge(
        "codesoft_drift_size", "How large each statistic of drift was.", [*labels, "statistic", "field"], sizes
    )


def _rolled_back() -> Iterator[Metric]:
    held = {(decision.model,): 1 for decision in models_held()}
    text = "1 for a model that was rolled back automatically, until a person decides about it."
    yield _gauge("codesoft_rolled_back", text, ["model"], held)


def _guard() -> Iterator[Metric]:
    """Nothing before its first round: the rule knows that."""
    age = guard_age_seconds()
    if age is not None:
        text = "Since when the guard over canaries and new champions has not gone round."
        yield GaugeMetricFamily("codesoft_guard_age_seconds", text, value=age)


def _gauge(name: str, text: str, labels: list[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for of, value in values.items():
        family.add_metric(list(of), value)
    return family


READERS: tuple[Reader, ...] = (
    _runs,
    _queues,
    _mirror,
    _notifications,
    _versions,
    _feedback,
    _drift,
    _rolled_back,
    _guard,
)
