"""The registry as the deciding side uses it: what versions stand, their bundles, and stage and alias as a mirror.

Every call works on the configured server and raises TrackingUnavailable where it does not answer. Nothing that is
served hangs on what is written here.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Literal, get_args

from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking import abilities, runs
from ml_pipeline.tracking.abilities import ServerAbilities, registry_of
from ml_pipeline.tracking.client import Connection, connect
from ml_pipeline.tracking.publish import tracked_lineage, tracked_version
from ml_pipeline.tracking.registry import BUNDLE_FOLDER, TrackedVersion
from ml_pipeline.tracking.runs import TrackedRun
from ml_pipeline.tracking.server import TrackingServer
from ml_pipeline.tracking.tracked_lineage import ORPHANED_TAG, TrackedLineage

Stage = Literal["None", "Staging", "Production", "Archived"]
Alias = Literal["champion", "challenger", "canary"]
STAGES: tuple[Stage, ...] = get_args(Stage)
ALIASES: tuple[Alias, ...] = get_args(Alias)
_FILES = ("bundle.json", "model.skops")


def list_versions(model: str) -> list[TrackedVersion]:
    """Every version of `model` on the server, lowest first."""
    return registry_of(_connected()).versions(model)


def list_all_versions(models: Collection[str]) -> dict[str, list[TrackedVersion]]:
    """The versions of each of `models`, lowest first: one reading for all where the server can."""
    return registry_of(_connected()).versions_of(models)


def set_stage(model: str, version: int, stage: Stage) -> None:
    registry_of(_connected()).set_stage(model, version, stage)


def set_alias(model: str, alias: Alias, version: int | None) -> None:
    """Point `alias` at `version`; None removes it. Removing what is not there is no error."""
    registry_of(_connected()).set_alias(model, alias, version)


def mark_orphaned(model: str, version: int) -> None:
    """Say on the server that nobody waits for this version: the attempt that registered it did not count."""
    registry_of(_connected()).tag(model, version, {ORPHANED_TAG: "true"})


def version_lineage(version: TrackedVersion) -> TrackedLineage:
    """Where a version says that it comes from."""
    return tracked_lineage(_connected(), version)


def download_bundle(model: str, version: int, folder: Path) -> Path:
    """`folder`, with the version's two bundle files in it. What they hold is proven by whoever loads them."""
    connection = _connected()
    run = runs.get_run(connection, tracked_version(connection, model, version).run_id)
    return _download_bundle(connection, run, folder)


def download_candidate(model: str, version: int, root: Path) -> TrackedLineage:
    """Bundle, report, metrics and recommendation of a version, under `root` as a run of the pipeline leaves them."""
    connection = _connected()
    artifacts = Artifacts(model)
    tracked = tracked_version(connection, model, version)
    run = runs.get_run(connection, tracked.run_id)
    _download_bundle(connection, run, root / artifacts.bundle)
    for path in (artifacts.report, artifacts.metrics, artifacts.recommendation):
        runs.download(connection, run, path.name, (root / path).parent)
    return TrackedLineage.of(connection.server, run, tracked.tags)


def server_abilities(*, again: bool = False) -> ServerAbilities:
    """What the configured server can do; asked at most once a day unless `again`."""
    return abilities.probed_abilities(_connected(), again=again)


def _download_bundle(connection: Connection, run: TrackedRun, folder: Path) -> Path:
    for name in _FILES:
        runs.download(connection, run, f"{BUNDLE_FOLDER}/{name}", folder)
    return folder


def _connected() -> Connection:
    return connect(TrackingServer.configured())
