"""What one web process serves: daemon threads keep it current, so that a request waits for no server.

`watch` reads the snapshot, `load` brings bundles into memory, `ship` empties the spool, `limits` exchanges counters,
`traffic` writes how much was asked.
None of them can hold up another: a slow download delays no revocation, a slow database no download.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from ml_pipeline.bundle.model_bundle import ModelBundle
from predictions import metrics
from predictions.errors import NotReady, VersionNotServed
from predictions.prediction_log.shipping import ship_spool
from predictions.prediction_log.spool import Spool
from predictions.selectors import read_snapshot
from predictions.serving.faults import FaultReports
from predictions.serving.routing import LiveModel, LiveVersion, named
from predictions.serving.shelf import BundleShelf
from predictions.serving.state import ServingState, Swaps, described
from predictions.serving.turns import taking_turns
from predictions.snapshot import Release, Route, Snapshot
from predictions.statements import bound_statements
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
REWRITE_SECONDS = 30.0
BOOT_SECONDS = 20.0
FLUSH_SECONDS = 5.0
ASKED_SECONDS = 2.0  # how long a request for a former version waits for its bundle
STATEMENT_MILLISECONDS = 2_000
SNAPSHOT_FILE = "snapshot.json"
LIMITS_FOLDER = "limits"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Current:
    """What requests see: replaced as a whole, never changed. `models` has every known model, live or not."""

    snapshot: Snapshot
    models: Mapping[str, LiveModel]


class ServingProcess:
    """Snapshot, bundles and spool of this process. `start` is called once; tests call the steps themselves."""

    def __init__(self, folder: Path, spool: Spool) -> None:
        self.spool = spool
        self.token_uses = TokenUses()
        self.version_counts = VersionCounts()
        self.traffic = Traffic()
        self.throttle = Throttle(_board(folder), processes=settings.WEB_PROCESSES)
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._folder = folder
        self._file = folder / SNAPSHOT_FILE
        self._shelf = BundleShelf(folder / "bundles")
        self._current: Current | None = None
        self._publishing = threading.Lock()
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._wake_loader = threading.Event()
        self._settled = threading.Event()
        self._loaded = False
        self._threads: list[threading.Thread] = []
        self._written: Snapshot | None = None
        self._faults = FaultReports(self.name)
        self._asked: dict[str, threading.Event] = {}
        self._swaps = Swaps()

    @property
    def current(self) -> Current:
        """What serves now; NotReady before the first snapshot."""
        if self._current is None:
            raise NotReady("This process has not learned yet what serves.", advice="Try again in a few seconds.")
        return self._current

    def knows(self, model: str) -> bool:
        return self._current is not None and model in self._current.models

    def version_named(self, live: LiveModel, number: int) -> LiveVersion:
        """The version of that number for a caller who may choose one: champion, canary or a former champion.

        A former one is loaded beside the requests if need be; UnknownVersion, or VersionNotServed where that takes
        longer than a caller should wait.
        """
        found = named(live, number)
        if isinstance(found, LiveVersion):
            return found
        bundle = self._shelf.get(found.bundle) or self._load_asked(found.bundle)
        if bundle is None:
            raise VersionNotServed(
                f"Version {number} of {live.name} served before, and its bundle is not in the memory of this process.",
                advice="Try again in a few seconds, or roll back to it if it shall serve again.",
                details={"model": live.name, "version": number, "serving": live.champion and live.champion.version},
            )
        return LiveVersion(number, bundle)

    def start(self) -> None:
        """Start the threads, once, and wait (bounded) until the first bundles are in memory."""
        with self._starting:
            if not self._threads:
                for name, step, period in (
                    ("serving-watch", self.refresh, WATCH_SECONDS),
                    ("serving-load", self.load_bundles, LOAD_SECONDS),
                    ("prediction-log-ship", self.ship, SHIP_SECONDS),
                    ("rate-limits", self.throttle.exchange, LIMITS_SECONDS),
                    ("token-uses", self.write_token_uses, USES_SECONDS),
                    ("traffic", self.write_traffic, TRAFFIC_SECONDS),
                ):
                    wake = self._wake_loader if name == "serving-load" else self._stop
                    thread = threading.Thread(target=self._repeat, args=(step, period, wake), name=name, daemon=True)
                    self._threads.append(thread)
                    thread.start()
        if not self._settled.wait(BOOT_SECONDS):
            log.warning("serving.slow_start", waited_seconds=BOOT_SECONDS)

    def stop(self) -> None:
        """End the threads and ship what is left; what cannot be shipped in time waits for another process."""
        self._stop.set()
        self._wake_loader.set()
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

    def refresh(self) -> None:
        """Read the snapshot once. While the database is away the last one goes on, at a start the one in the file."""
        try:
            bound_statements(STATEMENT_MILLISECONDS)
            snapshot = read_snapshot()
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            self._boot_from_file(error)
        else:
            self._publish(snapshot)
            self._keep(snapshot)
        if self._current is None:
            self._settled.set()  # nothing to wait for: requests get a retryable 503 until the database is back
        self.update_age()

    def load_bundles(self) -> None:
        """Load what the snapshot wants and put it in place."""
        self.update_age()  # here too: while the database hangs, the reading thread cannot tell
        if self._current is None:
            return
        asked, wanted = dict(self._asked), self._current.snapshot.bundles
        if self._shelf.is_empty:  # a start: there is no old version to hold beside the new one, and callers wait
            self._load(self._shelf.due(wanted))
        elif due := self._shelf.due(wanted | asked.keys()):
            with taking_turns(self._folder):
                self._load(due)
        for bundle_hash, done in asked.items():
            self._asked.pop(bundle_hash, None)
            done.set()
        self._loaded = True
        self._settled.set()

    def ship(self) -> None:
        """Ship the spool once, and tell what cannot be loaded and how versions fare. Without the database all wait."""
        try:
            if (current := self._current) is not None:
                self._faults.tell(current.snapshot, self._shelf.failures.copy())
            ship_spool(spool=self.spool)
        except (DatabaseError, InterfaceError, OSError) as error:  # the last: no space to set refused lines aside
            connection.close()
            log.warning("prediction_log.waiting", error=str(error).strip())
        try:
            self.version_counts.write()
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            log.warning("version_counts.waiting", error=str(error).strip())

    def write_token_uses(self) -> None:
        """Write when tokens were last used. While the database is away it waits."""
        try:
            self.token_uses.write()
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            log.warning("token_uses.waiting", error=str(error).strip())

    def write_traffic(self) -> None:
        """Write how much was asked of each model. While the database is away it waits."""
        try:
            self.traffic.write()
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            log.warning("traffic.waiting", error=str(error).strip())

    def state(self) -> ServingState:
        """Whether this process can answer, and with what. One broken bundle does not take the others away."""
        self.update_age()
        current = self._current
        if current is None:
            return ServingState(False, None, self.name, {}, {})
        wanted = current.snapshot.bundles
        answering = not wanted or any(model.champion for model in current.models.values())
        return ServingState(
            ready=answering and (self._loaded or not wanted),
            snapshot_age_seconds=round(self._age(current), 1),
            process=self.name,
            models={name: described(model) for name, model in current.models.items()},
            failures=self._failures(),
            swaps=self._swaps.last,
        )

    def update_age(self) -> None:
        if (current := self._current) is not None:
            metrics.SNAPSHOT_AGE.set(self._age(current))

    @staticmethod
    def _age(current: Current) -> float:
        return max(0.0, time.time() - current.snapshot.read_at)

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

    def _load(self, due: Collection[str]) -> None:
        """Load, swap, let go of what served before: one bundle after the other, so that at most one is held twice."""
        for bundle_hash in due:
            if not self._shelf.try_load(bundle_hash) and self._current is not None:
                metrics.LOAD_FAILURES.labels(self._current.snapshot.model_of(bundle_hash)).inc()
            self._publish(None)
            self._forget_unused()

    def _load_asked(self, bundle_hash: str) -> ModelBundle | None:
        """Have the loading thread load it; None where it cannot or takes longer than a caller should wait."""
        done = self._asked.setdefault(bundle_hash, threading.Event())
        self._wake_loader.set()
        done.wait(ASKED_SECONDS)
        return self._shelf.get(bundle_hash)

    def _forget_unused(self) -> None:
        current = self._current
        if current is None:
            return
        serving = [one for model in current.models.values() for one in (model.champion, model.canary) if one]
        former = [release.bundle for route in current.snapshot.routes.values() for release in route.former]
        used = {*current.snapshot.bundles, *(one.bundle.hash for one in serving)}
        self._shelf.forget_unused(used, copies_of=former)

    def _failures(self) -> dict[str, str]:
        """Why bundles are not in memory; a copy, because the loading thread writes there."""
        return {bundle: failure.message for bundle, failure in self._shelf.failures.copy().items()}

    def _boot_from_file(self, error: Exception) -> None:
        if self._current is None and (snapshot := Snapshot.read_file(self._file)) is not None:
            log.warning("serving.booted_from_file", file=self._file.name, error=str(error).strip())
            self._publish(snapshot)
        else:
            log.warning("serving.database_unavailable", error=str(error).strip())

    def _publish(self, read: Snapshot | None) -> None:
        """Swap the reference that requests see; None keeps the snapshot and looks at the bundles again.

        A bundle that is not in memory yet leaves its predecessor in place.
        """
        with self._publishing:
            before = self._current
            snapshot = read or (before.snapshot if before else None)
            if snapshot is None:
                return
            known = before.models if before is not None else {}
            models = {name: self._live_model(route, known.get(name)) for name, route in snapshot.routes.items()}
            self._current = Current(snapshot, models)
        self._swaps.note(known, models, snapshot, starting=not self._loaded)
        if before is None or before.snapshot.bundles != snapshot.bundles:
            self._wake_loader.set()

    def _live_model(self, route: Route, before: LiveModel | None) -> LiveModel:
        """The route with what is in memory. A champion that is not leaves its predecessor in place, a canary none."""
        champion, canary = self._live_version(route.champion), self._live_version(route.canary)
        if champion is None and route.champion is not None and before is not None:
            champion = before.champion
        complete = all(self._shelf.get(release.bundle) for release in route.releases)
        return LiveModel(
            name=route.model,
            generation=route.generation if complete else before.generation if before else 0,
            champion=champion,
            canary=canary,
            canary_share=route.canary_share,
            former=route.former,
        )

    def _live_version(self, release: Release | None) -> LiveVersion | None:
        bundle = None if release is None else self._shelf.get(release.bundle)
        return None if release is None or bundle is None else LiveVersion(release.version, bundle)

    def _keep(self, snapshot: Snapshot) -> None:
        """Write the file when something changed, and now and then so that its age stays true."""
        written = self._written
        if snapshot.says_the_same_as(written) and written and snapshot.read_at - written.read_at < REWRITE_SECONDS:
            return
        try:
            snapshot.write_file(self._file)
            self._written = snapshot
        except OSError as error:
            log.warning("serving.snapshot_not_written", error=str(error))


def _board(folder: Path) -> Board:
    return RedisBoard(settings.REDIS_URL) if settings.REDIS_URL else FolderBoard(folder / LIMITS_FOLDER)
