"""How an answer is shown: percentages, bars, and the same request as a command line."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_pipeline.bundle.model_bundle import ModelBundle
from predictions.services import Predicted


@dataclass(frozen=True, slots=True)
class Bar:
    """One probability as a bar of 0 to 100, with the threshold's place where there is one."""

    label: str
    share: str
    width: float
    threshold: float | None = None
    threshold_share: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What the result card shows."""

    label: str
    is_positive: bool
    bars: tuple[Bar, ...]
    version: int
    prediction_id: str
    warnings: tuple[str, ...]


def present_result(bundle: ModelBundle, predicted: Predicted) -> Result:
    """The first answer, for a person. `is_positive` is whether the probability reaches the threshold."""
    answer = predicted.answers[0]
    if answer.threshold is not None:
        positive = bundle.labels[1]
        bars: tuple[Bar, ...] = (_bar(positive, answer.probability, answer.threshold),)
        reached = answer.label == positive
    else:
        by_share = sorted((answer.probabilities or {}).items(), key=lambda item: -item[1])
        bars = tuple(_bar(label, probability) for label, probability in by_share)
        reached = True
    prediction_id = predicted.ids[0] if predicted.ids else ""
    return Result(answer.label, reached, bars, predicted.version, prediction_id, answer.warnings)


def key_metric(bundle: ModelBundle) -> tuple[str, str] | None:
    """The one held-out metric that a list shows: what the threshold was tuned for, else the first of the usual ones."""
    metrics = bundle.held_out_metrics
    tuned_for = bundle.manifest["spec"]["decision"].get("objective", "")
    for name in (tuned_for, "f1", "accuracy"):
        if name in metrics:
            return name.replace("_", " ").capitalize(), percentage(metrics[name])
    return None


def percentage(share: float) -> str:
    """A share of 1 in per cent with one digit; never 0 or 100 for what is neither."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f} %"


def curl_command(url: str, row: Mapping[str, Any]) -> str:
    """A command line that asks the API the same."""
    body = json.dumps({"inputs": dict(row)}, ensure_ascii=False)
    return (
        f"curl {shlex.quote(url)} \\\n"
        '  -H "Authorization: Token $TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )


def _bar(label: str, probability: float, threshold: float | None = None) -> Bar:
    shown = percentage(threshold) if threshold is not None else ""
    place = None if threshold is None else round(threshold * 100, 2)
    return Bar(label, percentage(probability), round(probability * 100, 2), place, shown)
