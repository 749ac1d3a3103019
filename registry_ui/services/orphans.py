"""Versions on the tracking server that an attempt of ours registered and nobody imported: told apart and tagged.

A worker that was cancelled, fenced or killed after its registration leaves one. It is no version trained elsewhere: it
never becomes a candidate, so that nobody reviews it and nothing serves it.
"""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from ml_pipeline.errors import TrackingUnavailable
from ml_pipeline.tracking.mirror import mark_orphaned
from ml_pipeline.tracking.registry import TrackedVersion
from ml_pipeline.tracking.tracked_lineage import ORPHANED_TAG, PIPELINE_RUN_TAG
from registry_ui.models import PipelineRun

_log = structlog.get_logger(__name__)


def orphans_part(*, model: str, unknown: Sequence[TrackedVersion]) -> list[TrackedVersion]:
    """Those of the `unknown` versions that were trained elsewhere; the others are tagged. No run of `model` is active.

    A tag alone hides a version only where it says `orphaned`: which runs are ours stands in our rows.
    """
    named = {item.version: _run_of(item) for item in unknown}
    asked = {run for run in named.values() if run is not None}
    ours = set(PipelineRun.objects.filter(model=model, pk__in=asked).values_list("pk", flat=True))
    orphans = [item for item in unknown if named[item.version] in ours or item.tags.get(ORPHANED_TAG) == "true"]
    for item in orphans:
        if item.tags.get(ORPHANED_TAG) != "true":
            _mark(model, item)
    return [item for item in unknown if item not in orphans]


def _run_of(item: TrackedVersion) -> UUID | None:
    with suppress(ValueError):
        return UUID(item.tags.get(PIPELINE_RUN_TAG, "").partition("/")[0])
    return None


def _mark(model: str, item: TrackedVersion) -> None:
    try:
        mark_orphaned(model, item.version)
        _log.info("version_orphaned", model=model, version=item.version, run=item.tags.get(PIPELINE_RUN_TAG))
    except TrackingUnavailable as error:
        _log.warning("orphan_not_tagged", model=model, version=item.version, error=str(error))
