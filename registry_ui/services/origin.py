"""Where a version comes from, as its row keeps it: hashes computed here, and what the tracking server tells beside."""

from typing import Any

from ml_pipeline.canonical import canonical_json, sha256_hex
from ml_pipeline.tracking.tracked_lineage import TrackedLineage
from registry_ui.models import ModelVersion
from registry_ui.services.candidate_files import Candidate
from registry_ui.services.run_state import RunClaim


def origin(candidate: Candidate, told: TrackedLineage, run: RunClaim | None) -> dict[str, Any]:
    """The lineage of a candidate. Of a run of ours we know by ourselves who started it."""
    return {
        "bundle_hash": candidate.bundle_hash,
        "data_hash": candidate.data_hash,
        "spec_hash": _spec_hash(candidate.spec),
        "pipeline_run": str(run.run_id) if run else None,
        **_told(told),
        **({"started_by": f"{run.trigger} by {run.requested_by}"} if run else {}),
        **({"derived_from": candidate.report["derived_from"]} if "derived_from" in candidate.report else {}),
    }


def origin_learn(*, version: ModelVersion, told: TrackedLineage) -> None:
    """Fill in what an earlier import did not learn; what it did learn stays."""
    learned = {name: value for name, value in version.lineage.items() if value not in (None, "")}
    version.lineage = {"spec_hash": _spec_hash(version.spec), **_told(told), **learned}
    version.run_url, version.parameters = told.run_url, dict(told.parameters)
    version.save(update_fields=["lineage", "run_url", "parameters"])


def _told(told: TrackedLineage) -> dict[str, str]:
    return {"git_commit": told.git_commit, "dvc_lock_hash": told.dvc_lock_hash, "started_by": told.started_by}


def _spec_hash(spec: dict[str, Any]) -> str:
    return sha256_hex(canonical_json(spec))
