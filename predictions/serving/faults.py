"""What a process cannot load, told to people: once as an observation, as long as it lasts as a row and a gauge."""

import time
from collections.abc import Mapping

from predictions import metrics
from predictions.observations import BUNDLE_NOT_LOADED, faults_tell, record_observation_once
from predictions.serving.shelf import Failure
from predictions.snapshot import Snapshot

TELL_SECONDS = 10.0


class FaultReports:
    """Those of one process. Called by the shipping thread alone; a DatabaseError leaves all of it for the next call."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._observed: set[str] = set()
        self._told: frozenset[str] = frozenset()
        self._told_at = 0.0

    def tell(self, snapshot: Snapshot, failures: Mapping[str, Failure]) -> None:
        """`failures` are by bundle. Rows are written at once when others fail, and now and then after."""
        self._observe(snapshot, failures)
        _count(snapshot, failures)
        if failures.keys() == self._told and (not failures or time.monotonic() - self._told_at < TELL_SECONDS):
            return
        faults_tell(
            process=self._process,
            faults={
                bundle: {"model": snapshot.model_of(bundle), "message": one.message, "copied": one.copied}
                for bundle, one in failures.items()
            },
        )
        self._told, self._told_at = frozenset(failures), time.monotonic()

    def _observe(self, snapshot: Snapshot, failures: Mapping[str, Failure]) -> None:
        for bundle, one in failures.items():
            if bundle not in self._observed:
                model = snapshot.model_of(bundle)
                record_observation_once(kind=BUNDLE_NOT_LOADED, subject=bundle, message=one.message, model=model)
                self._observed.add(bundle)


def _count(snapshot: Snapshot, failures: Mapping[str, Failure]) -> None:
    for name, route in snapshot.routes.items():
        missing = {release.bundle for release in route.releases}.intersection(failures)
        metrics.BUNDLES_NOT_LOADED.labels(name).set(len(missing))
