"""The top of the review page: what approving would change, in one sentence and a few figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry_ui.admin.review_metrics import tone_of
from registry_ui.services.evidence import Evidence
from registry_ui.services.model_card import metric_name


@dataclass(frozen=True)
class Tile:
    """One of the few figures that decide, at the top of the page."""

    title: str
    value: str
    note: str
    tone: str = ""
    anchor: str = ""


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
    tone = tone_of(metric, difference)
    return f"{shown}: {tone} beyond chance", tone


def _slice_tile(warnings: Sequence[Mapping[str, Any]]) -> Tile:
    if not warnings:
        return Tile("Slices that get worse", "none", "beyond their intervals", "better", "slices")
    worst = warnings[0]
    note = f"most: {worst['field']} = {worst['value']}, {metric_name(worst['metric'])} {worst['difference']:+.4f}"
    count = len({(one["field"], one["value"]) for one in warnings})
    return Tile("Slices that get worse", str(count), note, "worse", "slices")
