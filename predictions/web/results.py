"""How an answer is shown: percentages, bars, the distance to the threshold, and what pushed it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_pipeline.bundle.model_bundle import ModelBundle
from predictions.services import Predicted
from predictions.web.explanations import ShownExplanation, present_explanation


@dataclass(frozen=True, slots=True)
class Bar:
    """One probability on a scale of 0 to 100, with the threshold's place and the distance where there is one."""

    label: str
    share: str
    width: float
    threshold: float | None = None
    threshold_share: str = ""
    distance: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What the result card shows: an answer that counts, or one that was tried (`is_what_if`)."""

    label: str
    is_positive: bool
    bars: tuple[Bar, ...]
    version: int
    prediction_id: str
    warnings: tuple[str, ...]
    explanation: ShownExplanation | None
    is_what_if: bool

    @property
    def prefix(self) -> str:
        """Of the card's ids: both kinds can stand on one page."""
        return "what-if-" if self.is_what_if else ""

    @property
    def said(self) -> str:
        """The answer in a sentence, for who hears it change."""
        best = self.bars[0]
        shares = best.share if best.label == self.label else f"{best.label}: {best.share}"
        return f"What if: {self.label} ({shares}), not logged."


def present_result(
    bundle: ModelBundle, predicted: Predicted, texts: Mapping[str, str], *, is_what_if: bool = False
) -> Result:
    """The first answer to the form's `texts`, for a person. `is_positive`: the probability reaches the threshold."""
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
    explanation = (
        present_explanation(predicted.explanations[0], bundle.inputs, texts) if predicted.explanations else None
    )
    return Result(
        answer.label, reached, bars, predicted.version, prediction_id, answer.warnings, explanation, is_what_if
    )


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


def _bar(label: str, probability: float, threshold: float | None = None) -> Bar:
    share, width = percentage(probability), round(probability * 100, 2)
    if threshold is None:
        return Bar(label, share, width)
    distance = f"{abs(probability - threshold) * 100:.1f}"
    side = "above" if probability >= threshold else "below"
    return Bar(label, share, width, round(threshold * 100, 2), percentage(threshold), distance, side)
