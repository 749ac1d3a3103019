"""The registry as the deciding side uses it: what versions stand, their bundles, and stage and alias as a mirror.

Every call works on the configured server and raises TrackingUnavailable where it does not answer. Nothing that is
served hangs on what is written here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking import abilities, runs
from ml_pipeline.tracking.abilities import ServerAbilities, registry_of
from ml_pipeline.tracking.client import Connection, connect
from ml_pipeline.tracking.errors import NotTracked
from ml_pipeline.tracking.registry import BUNDLE_FOLDER, TrackedVersion
from ml_pipeline.tracking.runs import TrackedRun
from ml_pipeline.tracking.server import TrackingServer

Stage = Literal["None", "Staging", "Production", "Archived"]
Alias = Literal["champion", "challenger", "canary"]
_FILES = ("bundle.json", "model.skops")


def list_versions(model: str) -> list[TrackedVersion]:
    """Every version of `model` on the server, lowest first."""
    return registry_of(_connected()).versions(model)


def set_stage(model: str, version: int, stage: Stage) -> None:
    registry_of(_connected()).set_stage(model, version, stage)


def set_alias(model: str, alias: Alias, version: int | None) -> None:
    """Point `alias` at `version`; None removes it. Removing what is not there is no error."""
    registry_of(_connected()).set_alias(model, alias, version)


def mirror(model: str, *, stages: Mapping[int, Stage], aliases: Mapping[Alias, int | None]) -> list[str]:
    """Write only what differs, and say what was changed. Doing it again changes nothing: a reconciler may call it.

    A version that the server does not have is named in the answer and left out: another server may have it.
    """
    registry = registry_of(_connected())
    known = {item.version: item for item in registry.versions(model)}
    changes: list[str] = []
    for version, stage in stages.items():
        if version not in known:
            changes.append(f"version {version} is not on the server")
        elif known[version].stage != stage:
            registry.set_stage(model, version, stage)
            changes.append(f"version {version}: {known[version].stage} → {stage}")
    for alias, wanted in aliases.items():
        present = next((item.version for item in known.values() if alias in item.aliases), None)
        if wanted != present and (wanted is None or wanted in known):
            registry.set_alias(model, alias, wanted)
            changes.append(f"{alias}: {present} → {wanted}")
    return changes


def download_bundle(model: str, version: int, folder: Path) -> Path:
    """`folder`, with the version's two bundle files in it. What they hold is proven by whoever loads them."""
    connection = _connected()
    run = runs.get_run(connection, _version(connection, model, version).run_id)
    return _download_bundle(connection, run, folder)


def download_candidate(model: str, version: int, root: Path) -> None:
    """Bundle, report, metrics and recommendation of a version, under `root` as a run of the pipeline leaves them."""
    connection = _connected()
    artifacts = Artifacts(model)
    run = runs.get_run(connection, _version(connection, model, version).run_id)
    _download_bundle(connection, run, root / artifacts.bundle)
    for path in (artifacts.report, artifacts.metrics, artifacts.recommendation):
        runs.download(connection, run, path.name, (root / path).parent)


def server_abilities(*, again: bool = False) -> ServerAbilities:
    """What the configured server can do; asked at most once a day unless `again`."""
    return abilities.probed_abilities(_connected(), again=again)


def _download_bundle(connection: Connection, run: TrackedRun, folder: Path) -> Path:
    for name in _FILES:
        runs.download(connection, run, f"{BUNDLE_FOLDER}/{name}", folder)
    return folder


def _version(connection: Connection, model: str, version: int) -> TrackedVersion:
    for item in registry_of(connection).versions(model, with_aliases=False):
        if item.version == version:
            return item
    raise NotTracked(f"{connection.server.uri} has no version {version} of {model}.")


def _connected() -> Connection:
    return connect(TrackingServer.configured())
