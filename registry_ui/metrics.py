"""The registry's rows as Prometheus metrics, read at each scrape. Alert rules and dashboards know these names."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Lock, Thread

import structlog
from django.db import Error, connection
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from registry_ui.selectors import models_held, notifications_given_up, outbox_pending, run_counts

_PATIENCE = 5.0  # seconds; Prometheus gives a scrape ten
_log = structlog.get_logger(__name__)


def registry_metrics() -> list[GaugeMetricFamily]:
    runs = GaugeMetricFamily("codesoft_pipeline_runs", "Pipeline runs by state.", labels=["model", "state"])
    for labels, count in run_counts().items():
        runs.add_metric(labels, count)
    pending = GaugeMetricFamily(
        "codesoft_outbox_pending", "Changes not yet mirrored to MLflow.", value=outbox_pending()
    )
    given_up = GaugeMetricFamily(
        "codesoft_notifications_given_up", "Messages that were never delivered.", labels=["channel"]
    )
    for channel, count in notifications_given_up().items():
        given_up.add_metric([channel], count)
    held = GaugeMetricFamily(
        "codesoft_rolled_back",
        "1 for a model that was rolled back automatically, until a person decides about it.",
        labels=["model"],
    )
    for decision in models_held():
        held.add_metric([decision.model], 1)
    return [runs, pending, given_up, held]


class RegistryCollector(Collector):
    """What the database says at the moment of a scrape; nothing, and a log line, where it does not say it in time.

    One reading at a time: a database that hangs holds one thread, whatever number of scrapes gives up waiting for it.
    """

    def __init__(
        self, *, read: Callable[[], list[GaugeMetricFamily]] = registry_metrics, patience: float = _PATIENCE
    ) -> None:
        self._read = read
        self._patience = patience
        self._lock = Lock()
        self._reading: Future[list[GaugeMetricFamily]] | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            yield from self._current_reading().result(self._patience)
        except (Error, TimeoutError) as error:
            _log.warning("metrics_not_read", error=str(error) or f"no answer within {self._patience} s")

    def _current_reading(self) -> Future[list[GaugeMetricFamily]]:
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = Future()
                Thread(target=self._fulfil, args=(self._reading,), daemon=True).start()
            return self._reading

    def _fulfil(self, reading: Future[list[GaugeMetricFamily]]) -> None:
        try:
            families = self._read()
        except Exception as error:  # whatever it is: the scrape that waits raises it
            reading.set_exception(error)
        else:
            reading.set_result(families)
        finally:
            connection.close()


def serve_metrics(*, host: str, port: int) -> None:
    """Answer scrapes from daemon threads until the process ends; OSError where the port cannot be had."""
    registry = CollectorRegistry()
    registry.register(RegistryCollector())
    start_http_server(port, addr=host, registry=registry)
