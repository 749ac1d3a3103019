"""Which version answers a request."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ml_pipeline.bundle.model_bundle import ModelBundle
from predictions.errors import NoLiveVersion

CHAMPION = "champion"
CANARY = "canary"


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """A version whose bundle is in memory, its hash and golden samples proven."""

    version: int
    bundle: ModelBundle


@dataclass(frozen=True, slots=True)
class LiveModel:
    """One model as this process serves it: a reference that is swapped as a whole, never changed."""

    name: str
    generation: int
    champion: LiveVersion | None
    canary: LiveVersion | None
    canary_share: float


def choose_version(live: LiveModel, entity_ids: Sequence[str], request_id: str) -> tuple[str, LiveVersion]:
    """The route's name and version for a request; NoLiveVersion where none serves.

    One request gets one version. A request about one entity always gets the same one while the canary lasts; one about
    nobody falls to the canary by chance; one about several entities is the champion's, because they may differ.
    """
    if live.champion is None:
        raise NoLiveVersion(
            f"No version of {live.name} is live.",
            advice="Approve a version in the registry, then try again.",
            details={"model": live.name},
        )
    entities = set(entity_ids)
    if live.canary is None or len(entities) > 1:
        return CHAMPION, live.champion
    key = entities.pop() if entities else request_id
    return (CANARY, live.canary) if _position(live, key) < live.canary_share else (CHAMPION, live.champion)


def _position(live: LiveModel, key: str) -> float:
    """A number in [0, 1) that depends on model and entity alone: a larger share keeps those who had the canary."""
    digest = hashlib.sha256(f"{live.name}\n{key}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56
