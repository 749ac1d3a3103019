"""Bundles by hash, whether or not they serve: to look again at what a version answered, perhaps years ago."""

import threading
from collections import OrderedDict
from contextlib import suppress

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import InvalidBundle
from predictions.bundle_store import read_bundle
from predictions.errors import NotReady, VerifierBusy
from predictions.serving import current

KEPT = 2
WAIT_SECONDS = 5.0


class BundleArchive:
    """Apart from the shelf of what serves: looking back evicts nothing. One load at a time, `KEPT` in memory."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._bundles: OrderedDict[str, ModelBundle] = OrderedDict()

    def get(self, bundle_hash: str) -> ModelBundle:
        """The bundle of that hash, proven; InvalidBundle, or VerifierBusy while others are being loaded."""
        return _serving(bundle_hash) or self._kept_or_loaded(bundle_hash)

    def _kept_or_loaded(self, bundle_hash: str) -> ModelBundle:
        if not self._loading.acquire(timeout=WAIT_SECONDS):
            raise VerifierBusy("Another bundle is being loaded.", advice="Try again in a few seconds.")
        try:
            if bundle_hash not in self._bundles:
                self._make_room()
                self._bundles[bundle_hash] = _load(bundle_hash)
            self._bundles.move_to_end(bundle_hash)
            return self._bundles[bundle_hash]
        finally:
            self._loading.release()

    def _make_room(self) -> None:
        """Before a load, not after it: at no time are there more than `KEPT`."""
        while len(self._bundles) >= KEPT:
            self._bundles.popitem(last=False)


archive = BundleArchive()


def _serving(bundle_hash: str) -> ModelBundle | None:
    with suppress(NotReady):
        for live in current().models.values():
            for version in (live.champion, live.canary):
                if version is not None and version.bundle.hash == bundle_hash:
                    return version.bundle
    return None


def _load(bundle_hash: str) -> ModelBundle:
    try:
        files = read_bundle(bundle_hash)
    except FileNotFoundError as error:
        raise InvalidBundle(
            f"The bundle store has no bundle {bundle_hash}.", advice="Restore it from a backup of the store."
        ) from error
    bundle = ModelBundle.from_bytes(*files, expected_hash=bundle_hash)
    bundle.prove()
    return bundle
