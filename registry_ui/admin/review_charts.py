"""The pictures of the review page: both models' curves on the same held-out rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from registry_ui.admin.charts import Chart, Series, chart, points
from registry_ui.services.evidence import Evidence
from registry_ui.services.model_card import metric_name


def curve_charts(evidence: Evidence) -> list[Chart]:
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


def threshold_charts(evidence: Evidence) -> list[Chart]:
    curves = evidence["curves"]
    if not curves.get("thresholds"):
        return []
    dearest = max(row["expected_cost"] for row in [*curves["thresholds"], *curves["champion_thresholds"]])
    return [
        _by_threshold(evidence, ("accuracy", "f1"), "Accuracy and F1 by threshold", 1.0),
        _by_threshold(evidence, ("expected_cost",), "Cost a decision by threshold", dearest or 1.0),
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
