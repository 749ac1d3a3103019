"""What serves in one web process: the snapshot as it was last read, with the bundles that it wants in memory.

Requests read one reference that is replaced as a whole. One thread reads the snapshot, another loads bundles, so that
a slow download delays no revocation and a slow database no download.
"""

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from django.db import DatabaseError, InterfaceError, connection

from ml_pipeline.bundle.model_bundle import ModelBundle
from predictions import metrics
from predictions.errors import NotReady, VersionNotServed
from predictions.selectors import read_snapshot
from predictions.serving.routing import LiveModel, LiveVersion, named
from predictions.serving.shelf import BundleShelf, Failure
from predictions.serving.state import ServingState, Swaps, described
from predictions.serving.turns import taking_turns
from predictions.snapshot import Release, Route, Snapshot
from predictions.statements import bound_statements

REWRITE_SECONDS = 30.0
ASKED_SECONDS = 2.0  # how long a request for a former version waits for its bundle
STATEMENT_MILLISECONDS = 2_000
SNAPSHOT_FILE = "snapshot.json"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Current:
    """What requests see: replaced as a whole, never changed. `models` has every known model, live or not."""

    snapshot: Snapshot
    models: Mapping[str, LiveModel]


class LiveModels:
    """Snapshot and bundles of this process, below `folder`. `settled` is set once the first bundles are in memory."""

    def __init__(self, folder: Path) -> None:
        self.settled = threading.Event()
        self.wanted = threading.Event()  # wakes who loads
        self._folder = folder
        self._file = folder / SNAPSHOT_FILE
        self._shelf = BundleShelf(folder / "bundles")
        self._current: Current | None = None
        self._publishing = threading.Lock()
        self._loaded = False
        self._written: Snapshot | None = None
        self._asked: dict[str, threading.Event] = {}
        self._swaps = Swaps()

    @property
    def current(self) -> Current:
        """What serves now; NotReady before the first snapshot."""
        if self._current is None:
            raise NotReady("This process has not learned yet what serves.", advice="Try again in a few seconds.")
        return self._current

    @property
    def snapshot(self) -> Snapshot | None:
        return self._current.snapshot if self._current is not None else None

    @property
    def failures(self) -> Mapping[str, Failure]:
        """Why bundles are not in memory, by hash; a copy, because the loading thread writes there."""
        return self._shelf.failures.copy()

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
            self.settled.set()  # nothing to wait for: requests get a retryable 503 until the database is back
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
        self.settled.set()

    def state(self, process: str) -> ServingState:
        """Whether this process can answer, and with what. One broken bundle does not take the others away."""
        self.update_age()
        current = self._current
        if current is None:
            return ServingState(False, None, process, {}, {})
        wanted = current.snapshot.bundles
        answering = not wanted or any(model.champion for model in current.models.values())
        return ServingState(
            ready=answering and (self._loaded or not wanted),
            snapshot_age_seconds=round(_age(current), 1),
            process=process,
            models={name: described(model) for name, model in current.models.items()},
            failures={bundle: failure.message for bundle, failure in self.failures.items()},
            swaps=self._swaps.last,
        )

    def update_age(self) -> None:
        if (current := self._current) is not None:
            metrics.SNAPSHOT_AGE.set(_age(current))

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
        self.wanted.set()
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
            self.wanted.set()

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


def _age(current: Current) -> float:
    return max(0.0, time.time() - current.snapshot.read_at)
