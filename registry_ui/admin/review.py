"""What the review page shows of a candidate, computed apart from the template: figures beside figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get

_NAMES = {"f1": "F1", "roc_auc": "ROC AUC", "pr_auc": "PR AUC", "brier": "Brier score", "log_loss": "Log loss"}
_LOWER_IS_BETTER = {"brier", "log_loss", "expected_cost"}
_BAR_WIDTH = 200.0
_VERDICTS = {
    "first": ("First version", "info"),
    "promote": ("Recommended", "success"),
    "keep": ("Keep the champion", "warning"),
    "identical": ("Same as the champion", "info"),
    "below_floors": ("Below the floors", "danger"),
}


@dataclass(frozen=True)
class Measured:
    """A metric with its 95 % interval; `left` and `width` place that interval on the row's bar, in its units."""

    value: float
    low: float | None
    high: float | None
    left: float = 0.0
    width: float = 0.0
    mark: float = 0.0


@dataclass(frozen=True)
class MetricRow:
    """One metric of candidate and champion on the same held-out rows. `trend`: better, worse, or neither is known."""

    name: str
    is_decisive: bool
    candidate: Measured
    champion: Measured | None
    difference: float | None
    trend: str
    floor: float | None
    passes_floor: bool


def context(version: ModelVersion) -> dict[str, Any]:
    """The evidence: recommendation, metrics, where it comes from."""
    live = champion_get(model=version.model)
    compared = compared_with(version)
    waiting = version.status == ModelVersion.Status.WAITING
    text, colour = verdict_badge(version)
    return {
        "compared_with": compared,
        "comparison_is_old": waiting and compared != (live and live.number),
        "verdict": {"text": text, "type": colour},
        "reasons": version.recommendation.get("reasons", []),
        "metrics": metric_rows(version),
        "facts": {name: value for name, value in facts(version).items() if value not in (None, "")},
        "parameters": version.parameters or version.report.get("parameters", {}),
        "run": version.runs.first(),
    }


def metric_name(key: str) -> str:
    return _NAMES.get(key, key.replace("_", " ").capitalize())


def verdict_badge(version: ModelVersion) -> tuple[str, str]:
    """The verdict as text and colour."""
    return _VERDICTS.get(version.recommendation.get("verdict", ""), ("No recommendation", "default"))


def metric_rows(version: ModelVersion) -> list[MetricRow]:
    """The policy's metric first, then those with a floor, then the others as they were measured."""
    promotion = version.recommendation.get("promotion", {})
    floors = promotion.get("floors", {})
    compared = version.report.get("champion") or {}
    comparable = bool(compared.get("comparable"))
    candidate = compared["candidate_metrics"] if comparable else version.metrics
    champion = compared["metrics"] if comparable else {}
    order = sorted(candidate, key=lambda key: (key != promotion.get("metric"), key not in floors))
    return [_row(key, candidate[key], champion.get(key), floors.get(key), promotion.get("metric")) for key in order]


def compared_with(version: ModelVersion) -> int | None:
    """The champion's number that the evidence compares with."""
    champion = version.recommendation.get("champion")
    return champion["version"] if champion else None


def facts(version: ModelVersion) -> dict[str, Any]:
    """Lineage for people: label → value; long hashes whole, so that they can be searched."""
    comparison = version.recommendation.get("comparison") or {}
    return {
        "Bundle": version.bundle_hash,
        "Data": version.data_hash,
        "Spec": version.lineage.get("spec_hash"),
        "dvc.lock": version.lineage.get("dvc_lock_hash"),
        "Git commit": version.lineage.get("git_commit"),
        "Started by": version.lineage.get("started_by"),
        "Requested by": version.requested_by,
        "Threshold": version.report.get("threshold"),
        "Decisions that differ": comparison.get("decisions_that_differ"),
        "Rows compared": comparison.get("rows"),
        "Policy": version.recommendation.get("promotion", {}).get("mode"),
    }


def _row(
    key: str,
    candidate: Mapping[str, float],
    champion: Mapping[str, float] | None,
    floor: float | None,
    decisive: str | None,
) -> MetricRow:
    ends = [value for one in (candidate, champion or {}) for value in one.values() if value is not None]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    mine, theirs = _measured(candidate, low, span), champion and _measured(champion, low, span)
    difference = mine.value - theirs.value if theirs else None
    return MetricRow(
        name=metric_name(key),
        is_decisive=key == decisive,
        candidate=mine,
        champion=theirs or None,
        difference=difference,
        trend=_trend(key, difference),
        floor=floor,
        passes_floor=floor is None or mine.value >= floor,
    )


def _measured(values: Mapping[str, float], start: float, span: float) -> Measured:
    def place(value: float) -> float:
        return round((value - start) / span * _BAR_WIDTH, 1)

    value, low, high = values["value"], values.get("low"), values.get("high")
    left, right = place(value if low is None else low), place(value if high is None else high)
    return Measured(value, low, high, left=left, width=max(right - left, 1.0), mark=place(value))


def _trend(key: str, difference: float | None) -> str:
    if not difference:
        return ""
    return "better" if (difference > 0) != (key in _LOWER_IS_BETTER) else "worse"
