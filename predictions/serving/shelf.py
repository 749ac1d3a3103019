"""Bundles in memory: copied from the store by hash, proven, kept. One that cannot be loaded is tried less often."""

import shutil
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE
from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import CodesoftError, InvalidBundle
from predictions.bundle_store import copy_bundle

FIRST_RETRY_SECONDS = 2.0
LAST_RETRY_SECONDS = 60.0
# In memory, so that a roll back to a recent version swaps at once. Their files' bytes are bounded: beyond that every
# process would hold a large model twice.
KEPT_UNUSED = 4
KEPT_UNUSED_BYTES = 64 * 2**20
KEPT_COPIES = 8  # on disk: a roll back needs no store

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Failure:
    """Why a bundle is not in memory, and when it is tried again.

    `copied`: the store gave it, so that the fault lies in the bundle, or in what it finds here, and not in the way.
    """

    message: str
    attempts: int
    retry_at: float
    copied: bool


class _NotCopied(Exception):
    """The store did not give the bundle's files, or the disk did not take them."""


class BundleShelf:
    """Written by the loading thread alone; request threads only look bundles up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bundles: dict[str, ModelBundle] = {}
        self._sizes: dict[str, int] = {}
        self.failures: dict[str, Failure] = {}

    @property
    def is_empty(self) -> bool:
        return not self._bundles

    def get(self, bundle_hash: str) -> ModelBundle | None:
        return self._bundles.get(bundle_hash)

    def due(self, wanted: Collection[str]) -> list[str]:
        """What of it is absent and may be tried now."""
        now = time.monotonic()
        absent = sorted(set(wanted) - self._bundles.keys())
        return [one for one in absent if one not in self.failures or now >= self.failures[one].retry_at]

    def try_load(self, bundle_hash: str) -> bool:
        """Load it, or remember why it cannot be loaded: nothing is raised, and what is in memory stays."""
        try:
            bundle, size = self._load(bundle_hash), _bytes_in(self._folder / bundle_hash)
        except Exception as error:  # any fault of a foreign file or a storage backend: the old version goes on
            attempts = self.failures[bundle_hash].attempts + 1 if bundle_hash in self.failures else 1
            wait = min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LAST_RETRY_SECONDS)
            speaks = isinstance(error, CodesoftError | _NotCopied)
            message = str(error) if speaks else f"{type(error).__name__}: {error}"
            copied = not isinstance(error, _NotCopied)
            self.failures[bundle_hash] = Failure(message, attempts, time.monotonic() + wait, copied)
            log.warning("serving.bundle_not_loaded", bundle=bundle_hash, error=message, attempts=attempts)
            return False
        self._bundles[bundle_hash], self._sizes[bundle_hash] = bundle, size
        self.failures.pop(bundle_hash, None)
        log.info("serving.bundle_loaded", bundle=bundle_hash, scorer=bundle.scorer)
        if bundle.scorer_note is not None:
            log.warning("serving.bundle_not_compiled", bundle=bundle_hash, note=bundle.scorer_note)
        return True

    def forget_unused(self, used: Collection[str], *, copies_of: Collection[str] = ()) -> None:
        """Keep in memory what is used and the few that were loaded last; on disk a few more, and `copies_of`."""
        unused = [bundle_hash for bundle_hash in reversed(self._bundles) if bundle_hash not in used]
        size = 0
        for kept, bundle_hash in enumerate(unused):
            size += self._sizes[bundle_hash]
            if kept >= KEPT_UNUSED or size > KEPT_UNUSED_BYTES:
                del self._bundles[bundle_hash], self._sizes[bundle_hash]
        for bundle_hash in self.failures.keys() - set(used):
            del self.failures[bundle_hash]
        self._remove_copies(keep={*used, *copies_of, *self._bundles})

    def _load(self, bundle_hash: str) -> ModelBundle:
        """A proven bundle, from the copy of an earlier start or from the store.

        A copy that a failing disk spoiled, or that another process has just begun, is written over file by file and
        never removed: whoever reads or writes it at this moment has the same bytes in mind.
        """
        folder = self._folder / bundle_hash
        if folder.is_dir():
            with suppress(InvalidBundle):
                return _proven(folder, bundle_hash)
        try:
            copy_bundle(bundle_hash, folder)
        except Exception as error:  # storage backends have errors of their own
            raise _NotCopied(f"Not copied from the store: {type(error).__name__}: {error}") from error
        return _proven(folder, bundle_hash)

    def _remove_copies(self, keep: Collection[str]) -> None:
        """The oldest copies beyond `KEPT_COPIES`, also those of earlier processes."""
        others = [path for path in self._copies() if path.name not in keep]
        for path in sorted(others, key=_age, reverse=True)[: max(0, len(others) - KEPT_COPIES)]:
            shutil.rmtree(path, ignore_errors=True)

    def _copies(self) -> Iterable[Path]:
        return [path for path in self._folder.iterdir() if path.is_dir()] if self._folder.is_dir() else []


def _proven(folder: Path, bundle_hash: str) -> ModelBundle:
    bundle = ModelBundle.load(folder, expected_hash=bundle_hash)
    bundle.prove()
    return bundle


def _bytes_in(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in (MANIFEST_FILE, MODEL_FILE))


def _age(folder: Path) -> float:
    with suppress(OSError):
        return time.time() - folder.stat().st_mtime
    return 0.0
