"""What the dispatcher tells Prometheus: the registry's rows, read at each scrape, and which servers answer."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Lock, Thread

import structlog
from django.db import Error, connection
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from registry_ui.metric_families import registry_metrics
from registry_ui.reachability import Reachability, configured_probes

_PATIENCE = 5.0  # seconds; Prometheus gives a scrape ten
_log = structlog.get_logger(__name__)


class RegistryCollector(Collector):
    """What the database says at the moment of a scrape; nothing, and a log line, where it does not say it in time.

    One reading at a time: a database that hangs holds one thread, whatever number of scrapes gives up waiting for it.
    """

    def __init__(self, *, read: Callable[[], list[Metric]] = registry_metrics, patience: float = _PATIENCE) -> None:
        self._read = read
        self._patience = patience
        self._lock = Lock()
        self._reading: Future[list[Metric]] | None = None

    def collect(self) -> Iterator[Metric]:
        try:
            yield from self._current_reading().result(self._patience)
        except (Error, TimeoutError) as error:
            _log.warning("metrics_not_read", error=str(error) or f"no answer within {self._patience} s")

    def _current_reading(self) -> Future[list[Metric]]:
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = Future()
                Thread(target=self._fulfil, args=(self._reading,), daemon=True).start()
            return self._reading

    def _fulfil(self, reading: Future[list[Metric]]) -> None:
        try:
            families = self._read()
        except Exception as error:  # whatever it is: the scrape that waits raises it
            reading.set_exception(error)
        else:
            reading.set_result(families)
        finally:
            connection.close()


class ReachabilityCollector(Collector):
    """What the background has learned of the configured servers; a scrape asks none of them."""

    def __init__(self, reachability: Reachability) -> None:
        self._reachability = reachability

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("codesoft_server_up", "1 where a configured server answers.", labels=["server"])
        took = GaugeMetricFamily(
            "codesoft_server_answer_seconds", "How long its last answer, or the wait for it, took.", labels=["server"]
        )
        for name, reached in self._reachability.servers.items():
            if reached.asked_at:
                up.add_metric([name], float(reached.is_up))
                took.add_metric([name], reached.seconds)
        yield up
        yield took


def serve_metrics(*, host: str, port: int) -> None:
    """Answer scrapes from daemon threads until the process ends; OSError where the port cannot be had."""
    registry, reachability = CollectorRegistry(), Reachability(configured_probes())
    registry.register(RegistryCollector())
    registry.register(ReachabilityCollector(reachability))
    start_http_server(port, addr=host, registry=registry)
    reachability.start()
