"""What the review page shows of a candidate, computed from its evidence alone: figures beside figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.http import HttpRequest

from predictions.models import Deployment
from registry_ui.admin.charts import Chart, Series, chart, points
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.selectors import tasks_newest
from registry_ui.services.access import APPROVE, REQUEST, Actor
from registry_ui.services.evidence import LOWER_IS_BETTER, Evidence, evidence_beside, metrics_beside
from registry_ui.services.model_card import metric_name, model_card

SEE_INPUTS = "predictions.view_prediction"
_BAR_WIDTH = 200.0
_CASES_AT_ONCE = 5
_TASKS = 6
_SUCCEEDED = BackgroundTask.State.SUCCEEDED
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
    """One metric of candidate and champion on the same held-out rows.

    `trend`: better or worse by the plain difference. `paired` is that difference's interval, where it was measured, and
    `sure` says whether it leaves 0 outside.
    """

    name: str
    is_decisive: bool
    candidate: Measured
    champion: Measured | None
    difference: float | None
    trend: str
    floor: float | None
    passes_floor: bool
    paired: Mapping[str, float] | None = None
    sure: bool = False


@dataclass(frozen=True)
class Tile:
    """One of the few figures that decide, at the top of the page."""

    title: str
    value: str
    note: str
    tone: str = ""
    anchor: str = ""


def context(
    request: HttpRequest, version: ModelVersion, deployment: Deployment, live: ModelVersion | None
) -> dict[str, Any]:
    """The page of a version as it is now: its evidence, and what may be asked for."""
    prefetch_related_objects([version], "decisions")
    tasks = tasks_newest(version=version, count=_TASKS)
    replays = [task for task in tasks if task.kind == BackgroundTask.Kind.FLIPS]
    replay, done = next(iter(replays), None), next((task for task in replays if task.state == _SUCCEEDED), None)
    evidence = evidence_beside(version, champion=live, generation=deployment.generation, replay=done)
    proposals = [task for task in tasks if task.kind == BackgroundTask.Kind.THRESHOLD]
    actor = Actor.person(request.user)
    may_request = actor.may(REQUEST, version.model)
    return {
        **panels(evidence, may_see_inputs=request.user.has_perm(SEE_INPUTS)),
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
    metrics = [_row(row) for row in evidence["metrics"]]
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
        "charts": _curve_charts(evidence),
        "threshold_charts": _threshold_charts(evidence),
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


def metric_rows(version: ModelVersion) -> list[MetricRow]:
    """The policy's metric first, then those with a floor, then the others."""
    return [_row(row) for row in metrics_beside(version.report, version.recommendation, version.metrics)]


def tiles(evidence: Evidence) -> list[Tile]:
    """What a person decides by: the policy's metric, decisions that flip, what they cost, slices that get worse."""
    found = [_metric_tile(row) for row in evidence["metrics"] if row["decisive"]]
    if (flips := evidence["flips"]) is not None:
        found += _flip_tiles(flips)
    elif evidence["serving"] and evidence["serving"]["version"] != evidence["version"]["number"]:
        found.append(Tile("Decisions that flip", "–", "not yet replayed", anchor="flips"))
    if evidence["paired_slices"]:
        found.append(_slice_tile(evidence["warnings"]))
    return found


def headline(evidence: Evidence) -> str:
    """The evidence in one sentence: what approving would change."""
    champion, flips, parts = evidence["compared_with"], evidence["flips"], []
    for row in evidence["metrics"]:
        if row["decisive"] and (paired := row["paired"]) is not None:
            parts.append(_changes(metric_name(row["metric"]), row["metric"], paired["difference"], paired))
    if flips is not None:
        parts.append(f"{flips['flipped']} of {flips['compared']} decisions flip")
        if flips["cost"] is not None:
            parts.append(_changes("the cost of a decision", "expected_cost", flips["cost"]["value"], flips["cost"]))
    worse = dict.fromkeys(f"{one['field']} = {one['value']}" for one in evidence["warnings"])
    if worse:
        parts.append(f"it gets worse for {', '.join(list(worse)[:3])}")
    against = "Without a champion to compare with" if champion is None else f"Against version {champion}"
    return f"{against}: {'; '.join(parts)}." if parts else f"{against}, nothing was measured that could be compared."


def _changes(what: str, metric: str, difference: float, interval: Mapping[str, float]) -> str:
    if difference == 0:
        return f"{what} stays"
    way = "rises" if difference > 0 else "falls"
    _, tone = _certainty(metric, difference, interval)
    return f"{what} {way} by {abs(difference):.4f} ({'may be chance' if tone == 'unsure' else f'{tone} beyond chance'})"


def _period(flips: Mapping[str, Any] | None) -> list[datetime]:
    """When the replayed calls were made, from first to last."""
    if flips is None or flips["since"] is None:
        return []
    return [datetime.fromisoformat(flips[end]) for end in ("since", "until")]


def _metric_tile(row: Mapping[str, Any]) -> Tile:
    name, value = metric_name(row["metric"]), f"{row['candidate']['value']:.4f}"
    if (paired := row["paired"]) is None:
        return Tile(name, value, "decides", anchor="metrics")
    note, tone = _certainty(row["metric"], paired["difference"], paired)
    return Tile(f"{name}, which decides", f"{paired['difference']:+.4f}", f"to {value}; {note}", tone, "metrics")


def _flip_tiles(flips: Mapping[str, Any]) -> list[Tile]:
    asked = "held-out rows" if flips["source"] == "held_out" else "logged calls"
    refused = flips["refused"]["candidate"]["rows"]
    notes = [
        f"{100 * flips['flipped'] / flips['compared']:.1f} % of {flips['compared']} {asked}"
        if flips["compared"]
        else "",
        f"{refused} refused" if refused else "",
        "out of date" if flips["out_of_date"] else "",
    ]
    note = "; ".join(note for note in notes if note)
    found = [Tile("Decisions that flip", str(flips["flipped"]), note, "worse" if refused else "", "flips")]
    if (cost := flips["cost"]) is not None:
        note, tone = _certainty("expected_cost", cost["value"], cost)
        found.append(Tile("Cost a decision", f"{cost['value']:+.4f}", f"{cost['basis']}; {note}", tone, "flips"))
    return found


def _certainty(metric: str, difference: float, interval: Mapping[str, float]) -> tuple[str, str]:
    """The interval in words, and the tone of a difference that it leaves standing."""
    if difference == interval["low"] == interval["high"] == 0:
        return "the same on these rows", ""
    shown = f"95 % {interval['low']:+.4f} to {interval['high']:+.4f}"
    if interval["low"] <= 0 <= interval["high"]:
        return f"{shown}: may be chance", "unsure"
    tone = _tone(metric, difference)
    return f"{shown}: {tone} beyond chance", tone


def _slice_tile(warnings: Sequence[Mapping[str, Any]]) -> Tile:
    if not warnings:
        return Tile("Slices that get worse", "none", "beyond their intervals", "better", "slices")
    worst = warnings[0]
    note = f"most: {worst['field']} = {worst['value']}, {metric_name(worst['metric'])} {worst['difference']:+.4f}"
    count = len({(one["field"], one["value"]) for one in warnings})
    return Tile("Slices that get worse", str(count), note, "worse", "slices")


def _tone(metric: str, difference: float) -> str:
    return "better" if (difference > 0) != (metric in LOWER_IS_BETTER) else "worse"


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


def _curve_charts(evidence: Evidence) -> list[Chart]:
    """ROC, precision-recall and calibration of both, on the same rows."""
    curves = evidence["curves"]
    if not curves:
        return []
    who = _who(evidence)
    return [
        _overlaid(who, curves, "roc", "ROC", ("false_positive_rate", "true_positive_rate")),
        _overlaid(who, curves, "precision_recall", "Precision and recall", ("recall", "precision")),
        _overlaid(who, curves, "calibration", "Calibration", ("mean_probability", "share_of_label"), dots=True),
    ]


def _overlaid(
    who: Mapping[str, str],
    curves: Mapping[str, Any],
    name: str,
    title: str,
    axes: tuple[str, str],
    *,
    dots: bool = False,
) -> Chart:
    x, y = axes
    series = [
        Series(_labelled(who[model], label), model, points(part, x, y), dots=dots)
        for model in ("champion", "candidate")
        for label, part in _by_label((curves[model] or {}).get(name, []))
    ]
    if name != "precision_recall":
        series.insert(0, Series("chance" if name == "roc" else "perfect", "guide", [(0.0, 0.0), (1.0, 1.0)]))
    shown = (metric_name(x), metric_name(y))
    about = f"{shown[1]} by {shown[0].lower()}, on {curves['rows']} held-out rows: " + ", ".join(s.name for s in series)
    return chart(name=f"chart-{name}", title=title, description=about, axes=shown, series=series)


def _by_label(records: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """A multi-class curve apart by label; a binary one as it is."""
    labels = dict.fromkeys(record.get("label", "") for record in records)
    return [(label, [one for one in records if one.get("label", "") == label]) for label in labels]


def _labelled(who: str, label: str) -> str:
    return f"{who}: {label}" if label else who


def _threshold_charts(evidence: Evidence) -> list[Chart]:
    curves = evidence["curves"]
    if not curves.get("thresholds"):
        return []
    dearest = max(row["expected_cost"] for row in [*curves["thresholds"], *curves["champion_thresholds"]])
    return [
        _by_threshold(evidence, ("accuracy", "f1"), "Accuracy and F1 by threshold", 1.0),
        _by_threshold(evidence, ("expected_cost",), "Cost a decision by threshold", dearest or 1.0),
    ]


def _by_threshold(evidence: Evidence, metrics: Sequence[str], title: str, top: float) -> Chart:
    who, curves = _who(evidence), evidence["curves"]
    tables = {"champion": curves["champion_thresholds"], "candidate": curves["thresholds"]}
    series = [
        Series(f"{metric_name(metric)}, {who[model]}", f"{model} {'second' if place else ''}", found)
        for model, table in tables.items()
        for place, metric in enumerate(metrics)
        if (found := points(table, "threshold", metric))
    ]
    return chart(
        name=f"chart-threshold-{metrics[0]}",
        title=title,
        description=f"At each threshold, on {curves['rows']} held-out rows: " + ", ".join(one.name for one in series),
        axes=("Threshold", metric_name(metrics[0])),
        series=series,
        top=top,
        marker=evidence["threshold"],
    )


def _who(evidence: Evidence) -> dict[str, str]:
    return {"candidate": f"version {evidence['version']['number']}", "champion": f"version {evidence['compared_with']}"}


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
        "Derived from": derived
        and f"version {derived['version']} (threshold {derived['threshold']:g}): {derived['reason']}",
        "Threshold": evidence["threshold"],
        "Decisions that differ": comparison.get("decisions_that_differ"),
        "Rows compared": comparison.get("rows"),
        "Policy": evidence["promotion"].get("mode"),
    }


def _row(row: Mapping[str, Any]) -> MetricRow:
    candidate, champion, paired = row["candidate"], row["champion"], row["paired"]
    ends = [value for one in (candidate, champion or {}) for value in one.values() if value is not None]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    mine, theirs = _measured(candidate, low, span), champion and _measured(champion, low, span)
    difference = mine.value - theirs.value if theirs else None
    return MetricRow(
        name=metric_name(row["metric"]),
        is_decisive=row["decisive"],
        candidate=mine,
        champion=theirs or None,
        difference=difference,
        trend=_tone(row["metric"], difference) if difference else "",
        floor=row["floor"],
        passes_floor=row["floor"] is None or mine.value >= row["floor"],
        paired=paired,
        sure=paired is not None and not paired["low"] <= 0 <= paired["high"],
    )


def _measured(values: Mapping[str, float], start: float, span: float) -> Measured:
    def place(value: float) -> float:
        return round((value - start) / span * _BAR_WIDTH, 1)

    value, low, high = values["value"], values.get("low"), values.get("high")
    left, right = place(value if low is None else low), place(value if high is None else high)
    return Measured(value, low, high, left=left, width=max(right - left, 1.0), mark=place(value))
