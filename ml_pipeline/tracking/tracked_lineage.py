"""The lineage that a run and its version carry on the tracking server: names of the tags, and what they say.

Apart from `lineage`, which makes them and reads YAML: the registry's web processes know these and load no such library.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_pipeline.tracking.runs import TrackedRun
from ml_pipeline.tracking.server import TrackingServer

KEY_TAG = "codesoft.version_key"
BUNDLE_TAG = "codesoft.bundle_hash"
DATA_TAG = "codesoft.data_hash"
VERDICT_TAG = "codesoft.recommendation"
LOCK_TAG = "codesoft.dvc_lock"
COMMIT_TAG = "codesoft.git_commit"
TRIGGER_TAG = "codesoft.trigger"
PIPELINE_RUN_TAG = "codesoft.pipeline_run"  # of a version: the registry's run and attempt that registered it last
ORPHANED_TAG = "codesoft.orphaned"
NO_RUN = "none"


@dataclass(frozen=True)
class TrackedLineage:
    """What a run and its version say about their origin. Claims: hashes of bundle, data and spec are computed anew."""

    run_url: str = ""
    git_commit: str = ""
    dvc_lock_hash: str = ""
    started_by: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, server: TrackingServer, run: TrackedRun, tags: Mapping[str, str]) -> "TrackedLineage":
        """`tags` are the version's own; the run has those of the code and of whoever started it."""
        return cls(
            run_url=server.page("experiments", run.experiment_id, "runs", run.id) or "",
            git_commit=run.tags.get(COMMIT_TAG, ""),
            dvc_lock_hash=run.tags.get(LOCK_TAG, ""),
            started_by=run.tags.get(TRIGGER_TAG, ""),
            parameters=run.parameters,
            tags=tags,
        )
