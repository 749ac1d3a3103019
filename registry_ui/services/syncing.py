"""The mirror of MLflow, inward: what stands on the tracking server is read, taken in and compared, any number of times.

Versions that were trained elsewhere (CI, a laptop) enter as candidates, tags and lineage of known ones are refreshed,
and what somebody changed there becomes a foreign change. One reading serves all models.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from django.utils import timezone

from ml_pipeline.errors import CodesoftError, TrackingUnavailable
from ml_pipeline.tracking.mirror import download_candidate, list_all_versions, list_versions, version_lineage
from ml_pipeline.tracking.registry import TrackedVersion, registered_name
from ml_pipeline.tracking.server import TrackingServer
from ml_pipeline.tracking.tracked_lineage import KEY_TAG
from predictions.models import Deployment
from registry_ui.models import MirrorState, ModelVersion, OutboxEntry, PipelineRun
from registry_ui.services.access import Actor
from registry_ui.services.candidates import Published, candidate_import
from registry_ui.services.mirroring import mirror_compare
from registry_ui.services.origin import origin_learn
from registry_ui.services.orphans import orphans_part
from registry_ui.services.outbox import mirror_request
from registry_ui.services.three_way import compare, sight

_KEPT = timedelta(days=7)
_LINEAGES_AT_ONCE = 200
_log = structlog.get_logger(__name__)

Tell = Callable[[int, int, str], None]


@dataclass
class Synced:
    """What a sync did: versions taken in, and models whose mirror has to be written."""

    imported: int = 0
    to_write: int = 0


def registry_sync(*, model: str = "", again: bool = False, tell: Tell = lambda *_: None) -> Synced:
    """Sync every model, or this one. TrackingUnavailable where the server does not answer; the models' states say so.

    A version that cannot be imported stops none; it is tried again if a retry can help, or with `again`.
    """
    chosen = {"model": model} if model else {}
    deployments = {row.model: row for row in Deployment.objects.filter(**chosen).order_by("model")}
    models = list(deployments)
    states = _states(models)
    tell(0, len(models) + 1, "reading the tracking server")
    standing = _read(models)
    known, done = _known(models), Synced()
    for number, name in enumerate(models, start=1):
        tell(number, len(models) + 1, name)
        imported = _pull(states[name], known[name], standing[name], again, partial(tell, number, len(models) + 1))
        done.imported += imported
        if imported or not _is_quiet(states[name], deployments[name], known[name], standing[name]):
            done.to_write += _compare(states[name], standing[name])
    MirrorState.objects.filter(model__in=models).update(synced_at=timezone.now(), error="")
    OutboxEntry.objects.filter(done_at__lt=timezone.now() - _KEPT).delete()
    return done


def _states(models: Collection[str]) -> dict[str, MirrorState]:
    """Read before the server is: a state that moves later belongs to a newer reading."""
    MirrorState.objects.bulk_create([MirrorState(model=model) for model in models], ignore_conflicts=True)
    return {state.model: state for state in MirrorState.objects.filter(model__in=models)}


def _read(models: Sequence[str]) -> dict[str, list[TrackedVersion]]:
    if not models:
        return {}
    try:
        return {models[0]: list_versions(models[0])} if len(models) == 1 else list_all_versions(models)
    except TrackingUnavailable as error:
        _log.warning("sync_failed", error=str(error))
        MirrorState.objects.filter(model__in=models).update(error=str(error)[:2_000])
        raise


def _known(models: Collection[str]) -> dict[str, list[ModelVersion]]:
    """Our versions of each model, without what is large and not compared."""
    known: dict[str, list[ModelVersion]] = {model: [] for model in models}
    for version in ModelVersion.objects.filter(model__in=models).defer("metrics", "report", "recommendation", "spec"):
        known[version.model].append(version)
    return known


def _pull(
    state: MirrorState,
    known: list[ModelVersion],
    standing: list[TrackedVersion],
    again: bool,
    tell_step: Callable[[str], None],
) -> int:
    """Take in what stands there and not here, refresh what stands here; how many came in.

    A model in training is left alone: its run imports what it publishes, with its own evidence. One that ended after
    `known` was read has imported it: what stands here is asked once more.
    """
    there = {(item.version, item.run_id): item for item in standing}
    places = [(version, (version.tracking_version or 0, version.run_id)) for version in known]
    ours = [(version, there[place]) for version, place in places if place in there]
    _refresh(ours)
    runs, keys = {item.run_id for _, item in ours}, {item.tags.get(KEY_TAG) for _, item in ours} - {None}
    # The same run or the same candidate, registered there a second time, is nothing new.
    missing = [item for item in standing if item.run_id not in runs and item.tags.get(KEY_TAG) not in keys]
    active = [PipelineRun.State.QUEUED, PipelineRun.State.RUNNING]
    if not missing or PipelineRun.objects.filter(model=state.model, state__in=active).exists():
        return 0
    meanwhile = set(ModelVersion.objects.filter(model=state.model).values_list("run_id", flat=True))
    missing = [item for item in missing if item.run_id not in meanwhile]
    return _import_each(state, orphans_part(model=state.model, unknown=missing), again, tell_step)


def _refresh(ours: Sequence[tuple[ModelVersion, TrackedVersion]]) -> None:
    """Tags as they are there now; lineage where an earlier import did not learn it."""
    retagged = [version for version, item in ours if version.tags != dict(item.tags)]
    tags = {version.pk: dict(item.tags) for version, item in ours}
    for version in retagged:
        version.tags = tags[version.pk]
    ModelVersion.objects.bulk_update(retagged, ["tags"], batch_size=500)
    unlearned = [(version, item) for version, item in ours if "git_commit" not in version.lineage]
    for version, item in unlearned[:_LINEAGES_AT_ONCE]:
        try:
            origin_learn(version=version, told=version_lineage(item))
        except TrackingUnavailable as error:
            _log.warning("lineage_not_read", version=str(version), error=str(error))


def _import_each(
    state: MirrorState, missing: Sequence[TrackedVersion], again: bool, tell_step: Callable[[str], None]
) -> int:
    refused = {place: told for place, told in state.refused.items() if place in {_place(item) for item in missing}}
    imported = 0
    for item in missing:
        if not again and not refused.get(_place(item), {}).get("retryable", True):
            continue
        tell_step(f"{state.model}, version {item.version}")  # each: an import takes seconds, and a lease minutes
        try:
            _import(state.model, item)
            refused.pop(_place(item), None)
            imported += 1
        except CodesoftError as error:
            _log.warning("version_not_imported", model=state.model, version=item.version, error=str(error))
            refused[_place(item)] = {"version": item.version, "error": str(error)[:500], "retryable": error.retryable}
    MirrorState.objects.filter(pk=state.pk).update(refused=refused)
    return imported


def _place(item: TrackedVersion) -> str:
    return f"{item.version}/{item.run_id}"


def _import(model: str, item: TrackedVersion) -> None:
    url = TrackingServer.configured().page("models", registered_name(model), "versions", item.version) or ""
    with TemporaryDirectory() as folder:
        lineage = download_candidate(model, item.version, Path(folder))
        candidate_import(
            model=model,
            root=Path(folder),
            actor=Actor.system("sync"),
            published=Published(item.run_id, item.version, url, lineage),
            elsewhere=True,
        )


def _is_quiet(
    state: MirrorState, deployment: Deployment, known: list[ModelVersion], standing: list[TrackedVersion]
) -> bool:
    """Whether all is as it was at the last comparison: most models, most times, and then nothing is locked."""
    seen = sight(versions=known, deployment=deployment, standing=standing)
    judged = compare(seen=seen, written=state.written, writing=state.writing, runs=state.runs)
    same = (judged.written, seen.found, seen.missing) == (state.written, state.found, state.missing)
    return same and not judged.push and not judged.overtaken


def _compare(state: MirrorState, standing: list[TrackedVersion]) -> bool:
    """Whether something has to be written. A state that moved meanwhile was compared by whoever moved it."""
    known = mirror_compare(model=state.model, revision=state.revision, standing=standing)
    if known is None or not known[1].push:
        return False
    if not OutboxEntry.objects.filter(model=state.model, done_at__isnull=True).exists():
        mirror_request(model=state.model, cause="found at a sync")
    return True
