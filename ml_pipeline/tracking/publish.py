"""Make sure that a model's run and version stand on the configured tracking server: `python -m …publish MODEL…`.

DVC's run cache may skip the stage that registers, and a server may be emptied or exchanged. So everything here starts
from the files that evaluation and registration left, and doing it again finds what is there.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml_pipeline.canonical import sha256_hex
from ml_pipeline.environment import Environment
from ml_pipeline.errors import CodesoftError, NotEnoughData
from ml_pipeline.paths import Artifacts
from ml_pipeline.tracking.abilities import note_missing_registry, registry_of
from ml_pipeline.tracking.client import Connection, connect
from ml_pipeline.tracking.errors import MissingEndpoint, NotTracked
from ml_pipeline.tracking.lineage import lineage_tags, lock_entries, version_key
from ml_pipeline.tracking.locking import file_lock
from ml_pipeline.tracking.pictures import draw_plots
from ml_pipeline.tracking.registry import (
    BUNDLE_FOLDER,
    RUN_TAG,
    Registry,
    TrackedVersion,
    experiment_name,
    registered_name,
)
from ml_pipeline.tracking.runs import (
    TrackedRun,
    create_run,
    delete_run,
    find_runs,
    finish_run,
    get_run,
    has_file,
    tag_run,
    upload,
)
from ml_pipeline.tracking.server import TrackingServer
from ml_pipeline.tracking.tracked_lineage import (
    BUNDLE_TAG,
    DATA_TAG,
    KEY_TAG,
    LOCK_TAG,
    NO_RUN,
    ORPHANED_TAG,
    PIPELINE_RUN_TAG,
    VERDICT_TAG,
    TrackedLineage,
)

COMPLETE_TAG = "codesoft.complete"
RECOMMENDATION_TAG = "codesoft.recommendation_hash"


@dataclass(frozen=True)
class PublishedVersion:
    """Where a version stands. `tracking_uri` holds no credentials; `url` is None for a local store: it has no pages."""

    model: str
    run_id: str
    version: int
    tracking_uri: str
    url: str | None
    lineage: TrackedLineage = field(default_factory=TrackedLineage)


def publish(artifacts: Artifacts) -> PublishedVersion:
    """Run and version on the configured server, made only where they are missing, with the model's DVC lock entries."""
    connection, report = connect(TrackingServer.configured()), _report(artifacts)
    with file_lock(_lock(connection, artifacts)):
        run = _run(connection, artifacts, report)
        _attach_late(connection, artifacts, run, whole=True)
        version = _version(connection, artifacts, report, run)
    server = connection.server
    url = server.page("models", registered_name(artifacts.model), "versions", version)
    lineage = tracked_lineage(connection, tracked_version(connection, artifacts.model, version))
    return PublishedVersion(artifacts.model, run.id, version, server.uri, url, lineage)


def tracked_lineage(connection: Connection, version: TrackedVersion) -> TrackedLineage:
    return TrackedLineage.of(connection.server, get_run(connection, version.run_id), version.tags)


def tracked_version(connection: Connection, model: str, version: int) -> TrackedVersion:
    """The version as it stands; NotTracked where it does not."""
    for item in registry_of(connection).versions(model, with_aliases=False):
        if item.version == version:
            return item
    raise NotTracked(f"{connection.server.uri} has no version {version} of {model}.")


def publish_run(artifacts: Artifacts) -> str:
    """The id of the run that holds this evaluation: the one that stands complete, else a finished or a new one."""
    connection, report = connect(TrackingServer.configured()), _report(artifacts)
    with file_lock(_lock(connection, artifacts)):
        return _run(connection, artifacts, report).id


def publish_version(artifacts: Artifacts) -> int:
    """The number of this (model, bundle hash, data hash), registered once, with its run made where it is missing."""
    connection, report = connect(TrackingServer.configured()), _report(artifacts)
    with file_lock(_lock(connection, artifacts)):
        run = _run(connection, artifacts, report)
        _attach_late(connection, artifacts, run, whole=False)
        return _version(connection, artifacts, report, run)


def _version(connection: Connection, artifacts: Artifacts, report: dict[str, Any], run: TrackedRun) -> int:
    tags = {
        KEY_TAG: version_key(report),
        BUNDLE_TAG: report["bundle_hash"],
        DATA_TAG: report["data_hash"],
        RUN_TAG: run.id,
        PIPELINE_RUN_TAG: Environment.read().pipeline_run or NO_RUN,
        **_verdict(artifacts),
    }
    try:
        return _registered(registry_of(connection), artifacts.model, run.id, tags)
    except MissingEndpoint:
        return _registered(note_missing_registry(connection), artifacts.model, run.id, tags)


def _registered(registry: Registry, model: str, run_id: str, tags: dict[str, str]) -> int:
    """The lowest number with this key, its verdict and run those of now.

    The first run may have been deleted since. Another machine may register at the same time: the later steps back.
    """
    if found := _with_key(registry, model, tags[KEY_TAG]):
        if found[0].tags.get(ORPHANED_TAG) == "true":
            tags = {**tags, ORPHANED_TAG: "false"}  # an attempt that nobody waited for made it; this one is waited for
        changed = {name: value for name, value in tags.items() if found[0].tags.get(name) != value}
        if changed:
            registry.tag(model, found[0].version, changed)
        return found[0].version
    mine = registry.create(model, run_id, tags)
    first = min([item.version for item in _with_key(registry, model, tags[KEY_TAG])], default=mine)
    if first != mine:
        registry.discard(model, mine)
    return first


def _with_key(registry: Registry, model: str, key: str) -> list[TrackedVersion]:
    return [item for item in registry.versions(model, with_aliases=False) if item.tags.get(KEY_TAG) == key]


def _verdict(artifacts: Artifacts) -> dict[str, str]:
    if not artifacts.recommendation.exists():
        return {}
    return {VERDICT_TAG: str(json.loads(artifacts.recommendation.read_bytes())["verdict"])}


def _run(connection: Connection, artifacts: Artifacts, report: dict[str, Any]) -> TrackedRun:
    """A complete run for this evaluation. A half-logged one is filled: every write repeats without a trace."""
    experiment, key = experiment_name(artifacts.model), version_key(report)
    standing = find_runs(connection, experiment, KEY_TAG, key)
    for run in standing:
        if run.tags.get(COMPLETE_TAG) == "true" and has_file(connection, run, f"{BUNDLE_FOLDER}/bundle.json"):
            return run
    if standing:
        return _fill(connection, artifacts, report, standing[0])
    name = f"{artifacts.model} {report['bundle_hash'][:8]}"
    run = create_run(connection, experiment, name, lineage_tags(artifacts, report))
    _fill(connection, artifacts, report, run)
    first = find_runs(connection, experiment, KEY_TAG, key)[0]
    if first.id != run.id and first.tags.get(COMPLETE_TAG) == "true":
        delete_run(connection, run.id)
        return first
    return run


def _fill(connection: Connection, artifacts: Artifacts, report: dict[str, Any], run: TrackedRun) -> TrackedRun:
    connection.log(run.id, report["parameters"], _metrics(artifacts, report), run.started)
    upload(connection, run.id, artifacts.report)
    upload(connection, run.id, artifacts.metrics)
    upload(connection, run.id, artifacts.bundle, BUNDLE_FOLDER)
    if artifacts.plots.is_dir():
        upload(connection, run.id, artifacts.plots, "plots")
    with tempfile.TemporaryDirectory() as folder:
        if draw_plots(artifacts.plots, Path(folder)):
            upload(connection, run.id, Path(folder), "pictures")
    finish_run(connection, run.id)
    tag_run(connection, run.id, {COMPLETE_TAG: "true"})
    return run


def _metrics(artifacts: Artifacts, report: dict[str, Any]) -> dict[str, float]:
    """Flat metrics, and the interval of each that has one as `<name>_low` and `<name>_high`."""
    metrics: dict[str, float] = dict(json.loads(artifacts.metrics.read_bytes()))
    for name, measured in report["metrics"].items():
        bounds = {name: measured["value"], f"{name}_low": measured.get("low"), f"{name}_high": measured.get("high")}
        metrics.update({key: value for key, value in bounds.items() if value is not None})
    return metrics


def _attach_late(connection: Connection, artifacts: Artifacts, run: TrackedRun, *, whole: bool) -> None:
    """What is known only after evaluation: the recommendation, and once the `whole` run ended the DVC lock entries."""
    if artifacts.recommendation.exists():
        content = artifacts.recommendation.read_bytes()
        _attach(connection, run, artifacts.recommendation.name, content, RECOMMENDATION_TAG)
    if whole and (entries := lock_entries(artifacts.model)) is not None:
        _attach(connection, run, "lineage/dvc.lock", entries, LOCK_TAG)


def _attach(connection: Connection, run: TrackedRun, path: str, content: bytes, tag: str) -> None:
    """`content` among the run's artefacts, unless its hash stands in `tag` already."""
    if run.tags.get(tag) == sha256_hex(content):
        return
    place, _, name = path.rpartition("/")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        upload(connection, run.id, Path(folder) / name, place or None)
    tag_run(connection, run.id, {tag: sha256_hex(content)})


def _report(artifacts: Artifacts) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads(artifacts.report.read_bytes())
    except FileNotFoundError as error:
        raise NotEnoughData(
            f"There is no evaluation of {artifacts.model} to publish ({artifacts.report} is missing).",
            advice=f"Run `dvc repro evaluation@{artifacts.model}` first.",
        ) from error
    return report


def _lock(connection: Connection, artifacts: Artifacts) -> Path:
    return connection.server.state / f"publish-{artifacts.model}.lock"


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish each model; one JSON line each on stdout. The exit code is 1 where one could not be published."""
    parser = argparse.ArgumentParser(prog="python -m ml_pipeline.tracking.publish", description=main.__doc__)
    parser.add_argument("models", metavar="MODEL", nargs="+")
    failed = False
    for model in parser.parse_args(arguments).models:
        try:
            line: dict[str, Any] = asdict(publish(Artifacts(model)))
        except CodesoftError as error:
            failed = True
            line = {"model": model, "error": error.code, "message": error.message, "advice": error.advice}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
