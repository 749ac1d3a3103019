"""The evidence on a version as one JSON value: what the review page shows, and what a decision freezes.

The page's panels are drawn from this value alone, so that a frozen one shows years later what its approver saw. It
holds inputs of flipped cases, which are personal: it is kept in the bundle store and never in the audit log.
"""

import json
from typing import Any

from ml_pipeline.canonical import canonical_json
from predictions.models import Deployment
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.selectors import champion_at, flips_done
from registry_ui.services.differences import data_changes, spec_changes
from registry_ui.services.evidence_inputs import inputs_joined, inputs_keep, inputs_parted
from registry_ui.services.evidence_store import FROZEN, evidence_fetch, evidence_keep

FORMAT = 1
LOWER_IS_BETTER = frozenset({"brier", "log_loss", "expected_cost"})
_WATCHED = ("recall", "precision", "expected_cost")  # with the policy's metric: what a slice is warned about

Evidence = dict[str, Any]


def evidence_collect(version: ModelVersion, *, generation: int | None = None) -> Evidence:
    """The evidence as it stands; with `generation`, beside the version that served then."""
    if generation is None:
        generation = Deployment.objects.values_list("generation", flat=True).get(model=version.model)
    champion = champion_at(model=version.model, generation=generation)
    return evidence_beside(version, champion=champion, generation=generation, replay=flips_done(version=version))


def evidence_beside(
    version: ModelVersion, *, champion: ModelVersion | None, generation: int, replay: BackgroundTask | None
) -> Evidence:
    """`evidence_collect` for who has read what serves, and the last finished replay."""
    report, recommendation = version.report, version.recommendation
    compared = (recommendation.get("champion") or {}).get("version")
    evidence = {
        "format": FORMAT,
        "model": version.model,
        "version": _identity(version),
        "serving": champion and {"version": champion.number, "bundle_hash": champion.bundle_hash},
        "generation": generation,
        "compared_with": compared,
        "out_of_date": champion != version and compared != (champion and champion.number),
        "verdict": recommendation.get("verdict", ""),
        "reasons": recommendation.get("reasons", []),
        "comparison": recommendation.get("comparison"),
        "promotion": recommendation.get("promotion", {}),
        "metrics": metrics_beside(report, recommendation, version.metrics),
        "slices": report.get("slices", {}),
        "paired_slices": (report.get("champion") or {}).get("slices", {}),
        "warnings": slice_warnings(report, recommendation),
        "curves": version.curves,
        "flips": _flips(version, champion, replay),
        "differences": _differences(version, champion),
        "about": version.spec.get("about", {}),
        "inputs": version.spec.get("inputs", {}),
        "labels": report.get("labels", []),
        "decision": version.spec.get("decision", {}),
        "threshold": report.get("threshold"),
        "rows": report.get("rows", {}),
        "profile": report.get("profile"),
        "backtest": report.get("backtest"),
        "scorer": report.get("scorer"),
        "parameters": report.get("parameters", {}),
        "lineage": version.lineage,
        "decisions": _decisions(version),
    }
    as_frozen: Evidence = json.loads(canonical_json(evidence))  # the page now and the page later have one order
    return as_frozen


def evidence_freeze(version: ModelVersion, *, generation: int) -> str:
    """Keep the evidence of a decision that is taken at `generation`, and give its SHA-256.

    It is written inside the decision's transaction: a decision without its evidence cannot be, and a file that no
    decision names does no harm.
    """
    sealed, opened = inputs_parted(evidence_collect(version, generation=generation))
    digest = evidence_keep(canonical_json(sealed), suffix=FROZEN)
    inputs_keep(digest, opened)
    return digest


def evidence_frozen(digest: str) -> Evidence:
    """What was frozen under that hash, proven; EvidenceBroken names the file that is missing or was changed.

    Inputs that were erased since are missing in it.
    """
    return inputs_joined(json.loads(evidence_fetch(digest, suffix=FROZEN)), digest)


def metrics_beside(report: Evidence, recommendation: Evidence, measured: Evidence) -> list[dict[str, Any]]:
    """The policy's metric first, then those with a floor, then the others: both models on the same rows."""
    promotion = recommendation.get("promotion", {})
    decisive, floors = promotion.get("metric"), promotion.get("floors", {})
    compared = report.get("champion") or {}
    comparable = bool(compared.get("comparable"))
    candidate = compared["candidate_metrics"] if comparable else measured
    champion = compared["metrics"] if comparable else {}
    paired = compared.get("differences", {}) if comparable else {}
    return [
        {
            "metric": name,
            "decisive": name == decisive,
            "candidate": candidate[name],
            "champion": champion.get(name),
            "paired": paired.get(name),
            "floor": floors.get(name),
        }
        for name in sorted(candidate, key=lambda key: (key != decisive, key not in floors, key))
    ]


def slice_warnings(report: Evidence, recommendation: Evidence) -> list[dict[str, Any]]:
    """Slices in which the candidate is worse than the champion beyond the interval of the paired difference."""
    slices = (report.get("champion") or {}).get("slices", {})
    watched = {recommendation.get("promotion", {}).get("metric"), *_WATCHED}
    found = [
        {"field": field, "value": value, "rows": part["rows"], "metric": metric, **paired}
        for field, parts in slices.items()
        for value, part in parts.items()
        for metric, paired in part["differences"].items()
        if metric in watched and is_worse(metric, paired)
    ]
    return sorted(found, key=lambda one: (-abs(one["difference"]), one["field"], one["value"], one["metric"]))


def is_worse(metric: str, paired: dict[str, float]) -> bool:
    """Beyond what chance explains: the whole interval lies on the bad side of 0."""
    return paired["low"] > 0 if metric in LOWER_IS_BETTER else paired["high"] < 0


def _identity(version: ModelVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "bundle_hash": version.bundle_hash,
        "data_hash": version.data_hash,
        "bundle_bytes": version.bundle_bytes,
        "requested_by": version.requested_by,
        "registered": version.created_at.isoformat(),
        "run_id": version.run_id,
        "tracking_version": version.tracking_version,
        "scores_sha256": version.scores_hash or None,
        "rows_sha256": version.rows_hash or None,
    }


def _flips(version: ModelVersion, champion: ModelVersion | None, task: BackgroundTask | None) -> dict[str, Any] | None:
    """The last finished replay. `out_of_date`: another version serves than the one that it was made with."""
    if task is None:
        return None
    with_now = champion is not None and task.result["champion"]["bundle_hash"] == champion.bundle_hash
    return {
        **task.result,
        "task": str(task.pk),
        "finished": task.finished_at.isoformat() if task.finished_at else None,
        "requested_by": task.requested_by,
        "out_of_date": champion != version and not with_now,
    }


def _differences(version: ModelVersion, champion: ModelVersion | None) -> dict[str, Any] | None:
    """Against the version that serves; None where none does, or where it is this one."""
    if champion is None or champion == version:
        return None
    before, after = champion.report.get("profile"), version.report.get("profile")
    return {
        "version": champion.number,
        "spec": spec_changes(champion.spec, version.spec),
        "data": data_changes(before, after) if before and after else None,
        "same_data": champion.data_hash == version.data_hash,
        "bundle_bytes": [champion.bundle_bytes, version.bundle_bytes],
    }


def _decisions(version: ModelVersion) -> list[dict[str, Any]]:
    return [
        {"action": one.action, "done": one.get_action_display(), "actor": one.actor, "reason": one.reason}
        | {"at": one.created_at.isoformat(), "generation": one.generation_after}
        for one in reversed(version.decisions.all())
    ]
