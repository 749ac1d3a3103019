"""From the service's answers to the API's JSON."""

from typing import Any

from ml_pipeline.bundle.explaining import Explanation
from ml_pipeline.bundle.model_bundle import Answer, ModelBundle
from ml_pipeline.spec import InputField
from predictions.services import Predicted
from predictions.serving.routing import LiveModel, Routed, each_row

_ALWAYS = ("type", "title")


def present_predictions(predicted: Predicted) -> dict[str, Any]:
    ids = predicted.ids or (None,) * len(predicted.answers)
    content: dict[str, Any] = {
        "model": predicted.model,
        "version": predicted.version,
        "predictions": [
            _prediction(number, answer, part)
            for number, answer, part in zip(ids, predicted.answers, each_row(predicted.parts), strict=True)
        ],
    }
    if predicted.explanations is not None:
        for prediction, explanation in zip(content["predictions"], predicted.explanations, strict=True):
            prediction["explanation"] = present_explanation(explanation)
    if predicted.ids is None:
        content["logged"] = False
    return content


def _prediction(prediction_id: str | None, answer: Answer, part: Routed) -> dict[str, Any]:
    content: dict[str, Any] = {
        "id": prediction_id,
        "label": answer.label,
        "probability": answer.probability,
        "threshold": answer.threshold,
        "version": part.version.version,
        "route": part.route,
    }
    if answer.probabilities is not None:
        content["probabilities"] = answer.probabilities
    if answer.warnings:
        content["warnings"] = list(answer.warnings)
    return content


def present_explanation(explanation: Explanation) -> dict[str, Any]:
    return {
        "source": explanation.source,
        "method": explanation.method,
        "label": explanation.label,
        "baseline": explanation.baseline,
        "probability": explanation.probability,
        "threshold": explanation.threshold,
        "distance": explanation.distance,
        "contributions": [
            {"fields": part.fields, "term": part.term, "contribution": part.points} for part in explanation.parts
        ],
        "rest": {"count": explanation.rest_count, "contribution": explanation.rest},
    }


def present_summary(live: LiveModel) -> dict[str, Any]:
    """One line of the list of models. A model without a live version has neither title nor labels."""
    bundle = live.champion.bundle if live.champion else None
    return {
        "name": live.name,
        "title": bundle.title if bundle else live.name,
        "description": bundle.description if bundle else "",
        "version": live.champion.version if live.champion else None,
    }


def present_model(live: LiveModel) -> dict[str, Any]:
    """A model in full: inputs, labels and held-out metrics are those of the live version."""
    content = present_summary(live)
    if live.champion is None:
        return {**content, "inputs": {}, "labels": [], "threshold": None, "metrics": {}}
    bundle: ModelBundle = live.champion.bundle
    return {
        **content,
        "inputs": {name: present_input(field) for name, field in bundle.inputs.items()},
        "labels": list(bundle.labels),
        "threshold": bundle.threshold,
        "metrics": bundle.held_out_metrics,
    }


def present_input(field: InputField) -> dict[str, Any]:
    """What the spec says about an input, without the limits that it does not set."""
    declared = field.model_dump(mode="json", exclude_none=True, exclude={"optional"})
    content = {key: value for key, value in declared.items() if key in _ALWAYS or value not in ("", [])}
    return {**content, "required": not field.may_be_missing}
