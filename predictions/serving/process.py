"""One web process beside its requests: daemon threads keep it current, so that a request waits for no server.

`serving-watch` reads the snapshot, `serving-load` brings bundles into memory, `prediction-log-ship` empties the spool,
`rate-limits` exchanges counters; `token-uses` and `traffic` write what was asked. None of them can hold up another.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from predictions.prediction_log.shipping import ship_spool
from predictions.prediction_log.spool import Spool
from predictions.serving.faults import FaultReports
from predictions.serving.live import LiveModels
from predictions.serving.state import ServingState
from predictions.throttling.boards import Board, FolderBoard, RedisBoard
from predictions.throttling.throttle import Throttle
from predictions.token_uses import TokenUses
from predictions.traffic import Traffic
from predictions.version_counts import VersionCounts

WATCH_SECONDS = 0.75  # a revocation is effective within 1 s: period and read together
LOAD_SECONDS = 0.5
SHIP_SECONDS = 0.5
LIMITS_SECONDS = 0.5
USES_SECONDS = 5.0
TRAFFIC_SECONDS = 15.0
BOOT_SECONDS = 20.0
FLUSH_SECONDS = 5.0
LIMITS_FOLDER = "limits"

log = structlog.get_logger(__name__)


class Counts(Protocol):
    """What requests add to in memory, and a thread writes to the database now and then."""

    def write(self) -> None: ...


class ServingProcess:
    """What serves, spool and counters of this process. `start` is called once; tests call the steps themselves."""

    def __init__(self, folder: Path, spool: Spool) -> None:
        self.live_models = LiveModels(folder)
        self.spool = spool
        self.token_uses = TokenUses()
        self.version_counts = VersionCounts()
        self.traffic = Traffic()
        self.throttle = Throttle(_board(folder), processes=settings.WEB_PROCESSES)
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._faults = FaultReports(self.name)
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads, once, and wait (bounded) until the first bundles are in memory."""
        with self._starting:
            if not self._threads:
                for name, step, period in (
                    ("serving-watch", self.live_models.refresh, WATCH_SECONDS),
                    ("serving-load", self.live_models.load_bundles, LOAD_SECONDS),
                    ("prediction-log-ship", self.ship, SHIP_SECONDS),
                    ("rate-limits", self.throttle.exchange, LIMITS_SECONDS),
                    ("token-uses", self.write_token_uses, USES_SECONDS),
                    ("traffic", self.write_traffic, TRAFFIC_SECONDS),
                ):
                    wake = self.live_models.wanted if name == "serving-load" else self._stop
                    thread = threading.Thread(target=self._repeat, args=(step, period, wake), name=name, daemon=True)
                    self._threads.append(thread)
                    thread.start()
        if not self.live_models.settled.wait(BOOT_SECONDS):
            log.warning("serving.slow_start", waited_seconds=BOOT_SECONDS)

    def stop(self) -> None:
        """End the threads and ship what is left; what cannot be shipped in time waits for another process."""
        self._stop.set()
        self.live_models.wanted.set()
        deadline = time.monotonic() + FLUSH_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            with suppress(DatabaseError, InterfaceError):
                while ship_spool(spool=self.spool):
                    pass
            for counts in (self.version_counts, self.token_uses, self.traffic):
                with suppress(DatabaseError, InterfaceError):
                    counts.write()
        self.throttle.close()
        self.spool.close()

    def ship(self) -> None:
        """Ship the spool once, and tell what cannot be loaded and how versions fare. Without the database all wait."""
        try:
            if (snapshot := self.live_models.snapshot) is not None:
                self._faults.tell(snapshot, self.live_models.failures)
            ship_spool(spool=self.spool)
        except (DatabaseError, InterfaceError, OSError) as error:  # the last: no space to set refused lines aside
            connection.close()
            log.warning("prediction_log.waiting", error=str(error).strip())
        _write(self.version_counts, "version_counts.waiting")

    def write_token_uses(self) -> None:
        """Write when tokens were last used."""
        _write(self.token_uses, "token_uses.waiting")

    def write_traffic(self) -> None:
        """Write how much was asked of each model."""
        _write(self.traffic, "traffic.waiting")

    def state(self) -> ServingState:
        return self.live_models.state(self.name)

    def _repeat(self, step: Callable[[], None], period: float, wake: threading.Event) -> None:
        while not self._stop.is_set():
            try:
                step()
            except Exception:  # a thread that ends would freeze what serves
                log.exception("serving.thread_fault", step=step.__name__)
            wake.wait(period)
            if wake is not self._stop:
                wake.clear()
        connection.close()


def _write(counts: Counts, waiting: str) -> None:
    """While the database is away they wait, and the log has the event `waiting`."""
    try:
        counts.write()
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        log.warning(waiting, error=str(error).strip())


def _board(folder: Path) -> Board:
    return RedisBoard(settings.REDIS_URL) if settings.REDIS_URL else FolderBoard(folder / LIMITS_FOLDER)
