"""A drift report in words and pictures."""

from collections.abc import Sequence
from typing import Any

from ml_pipeline.drift.wording import STATISTICS, statistic_name
from registry_ui.admin.charts import Chart, Series, chart
from registry_ui.models import DriftReport

STATE_COLOURS = {
    "drifted": "danger",
    "steady": "success",
    "insufficient": "info",
    "no_reference": "warning",
    "failed": "danger",
}
_State = DriftReport.State
_NAMED = 3
_TALLEST = 3.0  # of the history: what is further beyond its limits looks the same


def headline(report: DriftReport) -> str:
    """The verdict in one sentence, and what to do where there is none."""
    if report.state == _State.DRIFTED:
        return f"The traffic has drifted: {_listed(report)}."
    if report.state == _State.STEADY:
        return f"No drift: none of {len(report.statistics)} statistics is beyond both of its limits."
    if report.state == _State.INSUFFICIENT:
        return (
            f"Insufficient data: {report.minimum_rows} answers are needed, and version {report.version} gave "
            f"{report.rows} as champion. Wait for more traffic, or lower monitoring.minimum_rows."
        )
    if report.state == _State.NO_REFERENCE:
        return (
            f"Nothing to compare with: the held-out rows of version {report.version} are not kept here, because it was "
            "trained elsewhere. Retrain the model here."
        )
    return f"The evaluation failed: {report.error}"


def notes(report: DriftReport) -> list[str]:
    """What the verdict does not cover."""
    if not report.is_judged:
        return []
    found = []
    inputs_compared = any(one["kind"] == "classifier" or one["kind"] == "missing" for one in report.statistics)
    if not inputs_compared:
        found.append(
            "Only answers were compared: the inputs of these calls are not kept, or those of the held-out rows."
        )
    elif report.rows_with_inputs < report.rows:
        found.append(f"The inputs of {report.rows_with_inputs} of these {report.rows} calls are kept, and compared.")
    if report.effective_rows is not None and report.effective_rows < 0.8 * report.rows_with_inputs:
        found.append(
            f"Rows repeat: they tell as much as {report.effective_rows} different ones, and chance is allowed as much."
        )
    return found


def statistic_rows(report: DriftReport) -> list[dict[str, Any]]:
    """Each statistic with its words, its verdict, and how much of the limit it reaches (0 to 100, for a bar)."""
    return [
        {
            **one,
            "name": STATISTICS[one["kind"]].name,
            "meaning": STATISTICS[one["kind"]].meaning,
            "verdict": _verdict(one),
            "percent": round(min(100.0, 50 * one["beyond"]), 1),
        }
        for one in report.statistics
    ]


def pictures(report: DriftReport) -> list[dict[str, Any]]:
    """The shares of reference and window in each cell that moved most; widths are of the largest share (0 to 100)."""
    found = []
    for one in report.statistics:
        if len(one["shown"]) < 2:
            continue
        largest = max(max(before, now) for _, before, now in one["shown"]) or 1.0
        cells = [
            {
                "name": name,
                "before": 100 * before,
                "now": 100 * now,
                "before_width": round(100 * before / largest, 1),
                "now_width": round(100 * now / largest, 1),
            }
            for name, before, now in one["shown"]
        ]
        name = statistic_name(one["kind"], one["field"])
        found.append({"title": name[:1].upper() + name[1:], "cells": cells, "alarms": one["alarms"]})
    return found


def history_chart(reports: Sequence[DriftReport]) -> Chart | None:
    """How much of its limit the furthest statistic reached in each report, oldest first; None of fewer than two."""
    if len(reports) < 2:
        return None
    furthest = [max((one["beyond"] for one in report.statistics), default=0.0) for report in reports]
    last = len(reports) - 1
    moments = [f"{report.created_at:%Y-%m-%d %H:%M}" for report in (reports[0], reports[-1])]
    return chart(
        name="chart-drift-history",
        title="The furthest statistic over time",
        description=f"In {len(reports)} reports from {moments[0]} to {moments[1]} UTC; 1 is its limit",
        axes=("Reports", "Value by limit"),
        series=[
            Series("limit", "guide", [(0.0, 1.0), (1.0, 1.0)]),
            Series(
                "furthest",
                "candidate",
                [(place / last, far) for place, far in enumerate(furthest)],
                dots=True,
            ),
        ],
        top=max(2.0, min(_TALLEST, max(furthest))),
        x_labels=((0.0, moments[0][:10]), (1.0, moments[1][:10])),
    )


def _listed(report: DriftReport) -> str:
    names = [statistic_name(one["kind"], one["field"]) for one in report.statistics if one["alarms"]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _verdict(one: dict[str, Any]) -> tuple[str, str]:
    """Text and colour."""
    if one["alarms"]:
        return "Drifted", "danger"
    if one["value"] > one["threshold"]:
        return "May be chance", "warning"
    return ("Too small to matter", "info") if one["value"] > one["bound"] else ("As before", "success")
