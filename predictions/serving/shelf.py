"""Bundles in memory: copied from the store by hash, proven, kept. One that cannot be loaded is tried less often."""

import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import structlog

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import CodesoftError, InvalidBundle
from predictions.bundle_store import copy_bundle

FIRST_RETRY_SECONDS = 2.0
LAST_RETRY_SECONDS = 60.0
KEPT_UNUSED = 4  # so that a roll back to a recent version swaps at once

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Failure:
    """Why a bundle is not in memory, and when it is tried again."""

    message: str
    attempts: int
    retry_at: float


class BundleShelf:
    """Written by the loading thread alone; request threads only look bundles up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bundles: dict[str, ModelBundle] = {}
        self.failures: dict[str, Failure] = {}

    def get(self, bundle_hash: str) -> ModelBundle | None:
        return self._bundles.get(bundle_hash)

    def load_due(self, wanted: Collection[str]) -> bool:
        """Load what is wanted, absent and due; says whether anything changed. A failure is remembered, not raised."""
        changed = False
        for bundle_hash in sorted(set(wanted) - self._bundles.keys()):
            failure = self.failures.get(bundle_hash)
            if failure is None or time.monotonic() >= failure.retry_at:
                self._try(bundle_hash)
                changed = True
        self._forget_unused(wanted)
        return changed

    def _try(self, bundle_hash: str) -> None:
        try:
            bundle = self._bundles[bundle_hash] = self._load(bundle_hash)
            self.failures.pop(bundle_hash, None)
            log.info("serving.bundle_loaded", bundle=bundle_hash, scorer=bundle.scorer)
            if bundle.scorer_note is not None:
                log.warning("serving.bundle_not_compiled", bundle=bundle_hash, note=bundle.scorer_note)
        except Exception as error:  # any fault of a foreign file or a storage backend: the old version goes on
            attempts = self.failures[bundle_hash].attempts + 1 if bundle_hash in self.failures else 1
            wait = min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LAST_RETRY_SECONDS)
            message = str(error) if isinstance(error, CodesoftError) else f"{type(error).__name__}: {error}"
            self.failures[bundle_hash] = Failure(message, attempts, time.monotonic() + wait)
            log.warning("serving.bundle_not_loaded", bundle=bundle_hash, error=message, attempts=attempts)

    def _load(self, bundle_hash: str) -> ModelBundle:
        """A proven bundle, from the copy of an earlier start or from the store."""
        folder = self._folder / bundle_hash
        if folder.is_dir():
            try:
                return _proven(folder, bundle_hash)
            except InvalidBundle:  # a copy that a full or failing disk spoiled: the store has the truth
                shutil.rmtree(folder, ignore_errors=True)
        copy_bundle(bundle_hash, folder)
        return _proven(folder, bundle_hash)

    def _forget_unused(self, wanted: Collection[str]) -> None:
        """Keep what is wanted and the few that were loaded last; the first loaded go first."""
        unused = [bundle_hash for bundle_hash in self._bundles if bundle_hash not in wanted]
        for bundle_hash in unused[: max(0, len(unused) - KEPT_UNUSED)]:
            del self._bundles[bundle_hash]
            shutil.rmtree(self._folder / bundle_hash, ignore_errors=True)
        for bundle_hash in self.failures.keys() - set(wanted):
            del self.failures[bundle_hash]


def _proven(folder: Path, bundle_hash: str) -> ModelBundle:
    bundle = ModelBundle.load(folder, expected_hash=bundle_hash)
    bundle.prove()
    return bundle
