"""What the review page shows of a candidate, computed from its evidence alone: figures beside figures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import HttpRequest

from predictions.models import Deployment
from registry_ui.admin.review_charts import curve_charts, threshold_charts
from registry_ui.admin.review_metrics import metric_row
from registry_ui.admin.review_summary import headline, tiles
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.selectors import may_see_predictions, tasks_newest
from registry_ui.services.access import APPROVE, REQUEST, Actor
from registry_ui.services.evidence import Evidence, evidence_beside
from registry_ui.services.model_card import metric_name, model_card

_CASES_AT_ONCE = 5
_TASKS = 6
_SUCCEEDED = BackgroundTask.State.SUCCEEDED
_DERIVING = (BackgroundTask.Kind.THRESHOLD, BackgroundTask.Kind.RECALIBRATION)
_VERDICTS = {
    "first": ("First version", "info"),
    "promote": ("Recommended", "success"),
    "keep": ("Keep the champion", "warning"),
    "identical": ("Same as the champion", "info"),
    "below_floors": ("Below the floors", "danger"),
}


def context(
    request: HttpRequest, version: ModelVersion, deployment: Deployment, live: ModelVersion | None
) -> dict[str, Any]:
    """The page of a version as it is now: its evidence, and what may be asked for."""
    prefetch_related_objects([version], "decisions")
    tasks = tasks_newest(version=version, count=_TASKS)
    replays = [task for task in tasks if task.kind == BackgroundTask.Kind.FLIPS]
    replay, done = next(iter(replays), None), next((task for task in replays if task.state == _SUCCEEDED), None)
    evidence = evidence_beside(version, champion=live, generation=deployment.generation, replay=done)
    proposals = [task for task in tasks if task.kind in _DERIVING]
    actor = Actor.person(request.user)
    may_request = actor.may(REQUEST, version.model)
    return {
        **panels(evidence, may_see_inputs=may_see_predictions(request.user, version.model)),
        "replay": replay if replay and (replay.is_active or replay.error) else None,
        "proposals": proposals,
        "is_busy": any(task.is_active for task in tasks),
        "may_replay": may_request or actor.may(APPROVE, version.model),
        "may_propose": may_request and bool(version.rows_hash),
        "rows_are_kept": bool(version.rows_hash),
        "run": version.runs.defer("log", "error").first(),
    }


def panels(evidence: Evidence, *, may_see_inputs: bool) -> dict[str, Any]:
    """Everything that the evidence's panels draw, of a version now or of a decision years ago."""
    text, colour = _VERDICTS.get(evidence["verdict"], ("No recommendation", "default"))
    metrics = [metric_row(row) for row in evidence["metrics"]]
    cases = (evidence["flips"] or {}).get("cases", []) if may_see_inputs else []
    return {
        "evidence": evidence,
        "may_see_inputs": may_see_inputs,
        "compared_with": evidence["compared_with"],
        "comparison_is_old": evidence["out_of_date"],
        "verdict": {"text": text, "type": colour},
        "reasons": evidence["reasons"],
        "headline": headline(evidence),
        "tiles": tiles(evidence),
        "registered": datetime.fromisoformat(evidence["version"]["registered"]),
        "period": _period(evidence["flips"]),
        "metrics": metrics,
        "flips": evidence["flips"],
        "directions": _directions(evidence["flips"]),
        "cases": cases[:_CASES_AT_ONCE],
        "more_cases": cases[_CASES_AT_ONCE:],
        "slices": _slices(evidence),
        "slice_warnings": [{**one, "name": metric_name(one["metric"])} for one in evidence["warnings"]],
        "comparisons": sum(len(part) for part in evidence["paired_slices"].values()) * 4,
        "charts": curve_charts(evidence),
        "threshold_charts": threshold_charts(evidence),
        "thresholds": evidence["curves"].get("thresholds", []),
        "own_threshold": evidence["threshold"],
        "differences": evidence["differences"],
        "size": _size(evidence["differences"]),
        "facts": {name: value for name, value in facts(evidence).items() if value not in (None, "")},
        "parameters": evidence["parameters"],
        "card": model_card(evidence),
    }


def verdict_badge(version: ModelVersion) -> tuple[str, str]:
    """The verdict as text and colour."""
    return _VERDICTS.get(version.recommendation.get("verdict", ""), ("No recommendation", "default"))


def _period(flips: Mapping[str, Any] | None) -> list[datetime]:
    """When the replayed calls were made, from first to last."""
    if flips is None or flips["since"] is None:
        return []
    return [datetime.fromisoformat(flips[end]) for end in ("since", "until")]


def _directions(flips: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Each direction with its share of the flips, for its bar."""
    if not flips or not flips["flipped"]:
        return []
    return [{**way, "percent": round(100 * way["rows"] / flips["flipped"])} for way in flips["directions"]]


def _slices(evidence: Evidence) -> list[dict[str, Any]]:
    """One line a slice: the deciding metric, and both error rates of a binary model."""
    decisive = evidence["promotion"].get("metric", "accuracy")
    warned = {(one["field"], one["value"]) for one in evidence["warnings"]}
    lines = []
    for field, parts in evidence["slices"].items():
        for value, part in parts.items():
            paired = evidence["paired_slices"].get(field, {}).get(value)
            lines.append(
                {
                    "field": field,
                    "value": value,
                    "rows": part["rows"],
                    "metric": metric_name(decisive),
                    "alone": part["metrics"].get(decisive),
                    "paired": paired and paired["differences"].get(decisive),
                    "rates": part if "false_positive_rate" in part else None,
                    "champion_rates": (paired or {}).get("champion"),
                    "warned": (field, value) in warned,
                }
            )
    return lines


def _size(differences: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Bundle sizes in kilobytes and their ratio."""
    if differences is None or None in differences["bundle_bytes"]:
        return None
    before, after = differences["bundle_bytes"]
    return {"before": before / 1_000, "after": after / 1_000, "percent": 100 * (after - before) / before}


def facts(evidence: Evidence) -> dict[str, Any]:
    """Lineage for people: label → value; long hashes whole, so that they can be searched."""
    comparison, derived = evidence["comparison"] or {}, evidence["lineage"].get("derived_from")
    return {
        "Bundle": evidence["version"]["bundle_hash"],
        "Data": evidence["version"]["data_hash"],
        "Spec": evidence["lineage"].get("spec_hash"),
        "dvc.lock": evidence["lineage"].get("dvc_lock_hash"),
        "Git commit": evidence["lineage"].get("git_commit"),
        "Started by": evidence["lineage"].get("started_by"),
        "Requested by": evidence["version"]["requested_by"],
        "Derived from": derived and _derived(derived),
        "Threshold": evidence["threshold"],
        "Decisions that differ": comparison.get("decisions_that_differ"),
        "Rows compared": comparison.get("rows"),
        "Answers by": _scorer(evidence.get("scorer")),
        "Policy": evidence["promotion"].get("mode"),
    }


def _derived(told: Mapping[str, Any]) -> str:
    change = f"threshold {told['threshold']:g}"
    if "slope" in told:
        change += f", recalibrated by slope {told['slope']:.4g} and intercept {told['intercept']:.4g}"
    return f"version {told['version']} ({change}): {told['reason']}"


def _scorer(compared: Mapping[str, Any] | None) -> str | None:
    """What evaluation found of the compiled scorer; evidence frozen before there was one says nothing."""
    if compared is None:
        return None
    if compared["scorer"] == "pipeline":
        return f"the scikit-learn pipeline: {compared['note']}"
    largest, rows = compared["largest_difference"], compared["rows"]
    return f"a compiled scorer, within {largest:.0e} of the scikit-learn pipeline on {rows} held-out rows"
