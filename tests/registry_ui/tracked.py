"""Candidates that are published to the configured tracking store and imported, and what stands there."""

from pathlib import Path

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking.mirror import list_versions
from ml_pipeline.tracking.publish import PublishedVersion, publish
from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get
from registry_ui.services.access import Actor
from registry_ui.services.candidates import Published, candidate_import
from tests.registry_ui.candidates import write_candidate

ACTOR = Actor.operator("test")


def published(root: Path, flavour: float) -> PublishedVersion:
    """What a run elsewhere publishes. `root` is the current folder."""
    write_candidate(root, flavour=flavour, champion=champion_get(model="fruit"))
    write_bytes(Artifacts("fruit").metrics, readable_json({"accuracy": 0.9}))
    return publish(Artifacts("fruit"))


def imported(root: Path, flavour: float) -> ModelVersion:
    """What a run of ours publishes and imports. The first one goes live, the others wait."""
    place = published(root, flavour)
    return candidate_import(
        model="fruit",
        root=root,
        actor=Actor.system("pipeline"),
        published=Published(place.run_id, place.version, place.url or "", place.lineage),
    ).version


def stands() -> dict[int, tuple[str, tuple[str, ...]]]:
    """Number there → stage and aliases."""
    return {item.version: (item.stage, item.aliases) for item in list_versions("fruit")}
