"""What a process tells of what it serves: in `/readyz`, and in the metrics when it swaps."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from predictions import metrics
from predictions.serving.routing import LiveModel
from predictions.snapshot import Snapshot

SWAPS_SHOWN = 16


@dataclass(frozen=True, slots=True)
class ServingState:
    """What `/readyz` tells."""

    ready: bool
    snapshot_age_seconds: float | None
    process: str
    models: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, str]
    swaps: tuple[Mapping[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "status": "ready" if self.ready else "not_ready",
            "process": self.process,
            "snapshot_age_seconds": self.snapshot_age_seconds,
            "models": self.models,
            "bundles_not_loaded": self.failures,
            "swaps": list(self.swaps),
        }


class Swaps:
    """The last swaps of this process, with the times of decision and swap."""

    def __init__(self) -> None:
        self._last: deque[Mapping[str, Any]] = deque(maxlen=SWAPS_SHOWN)

    @property
    def last(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self._last)

    def note(
        self, before: Mapping[str, LiveModel], after: Mapping[str, LiveModel], snapshot: Snapshot, *, starting: bool
    ) -> None:
        """Remember and count what is served otherwise than before. While it starts, the decisions are old."""
        _set_live_versions(before, after)
        for name, model in after.items():
            known = before.get(name)
            if model.generation == (known.generation if known else 0):
                continue
            metrics.SERVED_GENERATION.labels(name).set(model.generation)
            now, decided = time.time(), snapshot.routes[name].changed_at
            self._last.append({"model": name, **described(model), "decided_at": decided, "swapped_at": now})
            swap_seconds = metrics.SWAP_SECONDS.labels(name)  # there from the start: the first increase counts too
            if not starting:
                swap_seconds.observe(max(0.0, now - decided))


def described(model: LiveModel) -> dict[str, Any]:
    champion, canary = model.champion, model.canary
    return {
        "generation": model.generation,
        "version": champion.version if champion else None,
        "bundle": champion.bundle.hash if champion else None,
        "scorer": champion.bundle.scorer if champion else None,
        "canary": canary.version if canary else None,
    }


def _set_live_versions(before: Mapping[str, LiveModel], after: Mapping[str, LiveModel]) -> None:
    for name, model in before.items():
        if model.champion is not None:
            metrics.LIVE_VERSION.labels(name, model.champion.version).set(0)
    for name, model in after.items():
        if model.champion is not None:
            metrics.LIVE_VERSION.labels(name, model.champion.version).set(1)
