"""The model card of a version, as Markdown, from its evidence alone.

Mitchell et al. (2019), Model Cards for Model Reporting: what it is for, on what it was measured, where it fails.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from registry_ui.services.evidence import Evidence

_NAMES = {"f1": "F1", "roc_auc": "ROC AUC", "pr_auc": "PR AUC", "brier": "Brier score"}
_NOT_SAID = "The declaration does not say (`about` in `params.yaml`)."


def metric_name(key: str) -> str:
    """As it begins a line; inside a sentence see `metric_words`."""
    return _NAMES.get(key, metric_words(key).capitalize())


def metric_words(key: str) -> str:
    """As it stands inside a sentence: abbreviations and people keep their capitals."""
    return _NAMES.get(key, key.replace("_", " "))


def model_card(evidence: Evidence) -> str:
    about = evidence["about"]
    sections = [
        f"# {about.get('title', evidence['model'])}: version {evidence['version']['number']}",
        about.get("description", ""),
        "## Intended use\n\n" + (about.get("intended_use") or _NOT_SAID),
        "## Limits\n\n" + (about.get("limits") or _NOT_SAID),
        _inputs(evidence),
        _data(evidence),
        _metrics(evidence),
        _slices(evidence),
        _decision(evidence),
        _lineage(evidence),
        _decisions(evidence),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _inputs(evidence: Evidence) -> str:
    rows = [
        (f"`{name}`", field["type"], "no" if field.get("optional") else "yes", field.get("title") or "")
        for name, field in evidence["inputs"].items()
    ]
    return "## Inputs\n\n" + _table(("Input", "Type", "Required", "What it is"), rows)


def _data(evidence: Evidence) -> str:
    if (profile := evidence["profile"]) is None:
        return "## Data\n\nNo profile of the training data came with this version."
    labels = ", ".join(f"{label} {100 * share:.1f} %" for label, share in profile["labels"].items())
    rows = [(f"`{name}`", f"{100 * one['missing']:.1f} %", _spread(one)) for name, one in profile["inputs"].items()]
    intro = f"Trained on {profile['rows']} rows ({labels}); data hash `{evidence['version']['data_hash']}`."
    return f"## Data\n\n{intro}\n\n" + _table(("Input", "Missing", "Distribution"), rows)


def _spread(one: Mapping[str, Any]) -> str:
    for key, unit in (("quantiles", ""), ("lengths", " characters")):
        if key in one:
            return f"median {one[key]['0.5']:g}{unit}, 90 % within {one[key]['0.05']:g} to {one[key]['0.95']:g}{unit}"
    if "range" in one:
        return " to ".join(one["range"])
    shown = list(one.get("categories", {}).items())[:5]
    return ", ".join(f"{word} {100 * share:.1f} %" for word, share in shown)


def _metrics(evidence: Evidence) -> str:
    rows = [(metric_name(row["metric"]), *_interval(row["candidate"])) for row in evidence["metrics"]]
    return "## Held-out metrics\n\n" + _table(("Metric", "Value", "95 % interval"), rows)


def _slices(evidence: Evidence) -> str:
    decisive = evidence["promotion"].get("metric", "accuracy")
    rows = [
        (f"`{field}` = {value}", str(part["rows"]), *_interval(part["metrics"].get(decisive)))
        for field, parts in evidence["slices"].items()
        for value, part in parts.items()
    ]
    if not rows:
        return ""
    return "## Slices\n\n" + _table(("Slice", "Rows", metric_name(decisive), "95 % interval"), rows)


def _decision(evidence: Evidence) -> str:
    if evidence["threshold"] is None:
        return "## Decision\n\nThe most probable label is the answer."
    decision, derived = evidence["decision"], evidence["lineage"].get("derived_from")
    why = (
        _derivation(derived)
        if derived
        else f"Tuned on training folds for {decision.get('objective', 'accuracy')}"
        f" (a false positive costs {decision.get('false_positive', 1):g}, a false negative"
        f" {decision.get('false_negative', 1):g})."
    )
    positive = evidence["labels"][-1] if evidence["labels"] else "positive"
    answer = f"The answer is \u201c{positive}\u201d from a probability of {evidence['threshold']:.4f} on."
    return f"## Decision\n\n{answer} {why}"


def _derivation(told: Mapping[str, Any]) -> str:
    """Why the threshold is what it is, where the version was derived from another one."""
    before = f"version {told['version']}, which decided at {told['threshold']:g}"
    if "slope" in told:
        return (
            f"Moved along when the probabilities of {before}, were recalibrated (slope {told['slope']:.4g}, intercept "
            f"{told['intercept']:.4g} of the log-odds), so that every decision stays: \u201c{told['reason']}\u201d"
        )
    return f"Chosen by a person over {before}: \u201c{told['reason']}\u201d"


def _lineage(evidence: Evidence) -> str:
    version = evidence["version"]
    rows = [
        ("Bundle", f"`{version['bundle_hash']}`"),
        ("Data", f"`{version['data_hash']}`"),
        ("Requested by", version["requested_by"]),
        ("Registered", version["registered"]),
        ("MLflow run", version["run_id"] or "none"),
    ]
    return "## Lineage\n\n" + _table(("What", "Value"), rows)


def _decisions(evidence: Evidence) -> str:
    lines = [
        f"- {one['done']} by {one['actor']}, {one['at']}: {_plain(one['reason'])}" for one in evidence["decisions"]
    ]
    return "## Decisions\n\n" + ("\n".join(lines) or "None yet.")


def _interval(measured: Mapping[str, float] | None) -> tuple[str, str]:
    if measured is None:
        return "undefined", ""
    return f"{measured['value']:.4f}", f"{measured['low']:.4f} to {measured['high']:.4f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """One line that cannot end a cell."""
    return " ".join(text.split()).replace("|", "\\|")
