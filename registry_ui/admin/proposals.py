"""What could be done about a model, in sentences, with a button each."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest

from ml_pipeline.learning.recalibration import Recalibration
from predictions.models import Deployment
from registry_ui.admin.pages import Action
from registry_ui.models import BackgroundTask
from registry_ui.selectors import proposals_newest
from registry_ui.services.access import REQUEST, Actor
from registry_ui.services.derived import recalibration_propose, threshold_propose
from registry_ui.services.model_card import metric_words
from registry_ui.services.proposals import proposals_request


class RetuneForm(forms.Form):
    """The threshold that the page proposed, for the version that it named."""

    threshold = forms.FloatField(min_value=0, max_value=1)
    number = forms.IntegerField(min_value=1)
    labels = forms.IntegerField(min_value=1)


class RecalibrateForm(forms.Form):
    """The two numbers that the page proposed, for the version that it named."""

    slope = forms.FloatField()
    intercept = forms.FloatField()
    number = forms.IntegerField(min_value=1)
    labels = forms.IntegerField(min_value=1)


def proposals_context(request: HttpRequest, row: Deployment) -> dict[str, Any]:
    """Of the champion alone: what was computed for another version is not shown."""
    tasks = proposals_newest(model=row.model)
    done = next((task for task in tasks if task.state == BackgroundTask.State.SUCCEEDED), None)
    found = done.result if done and done.result["version"] == row.champion_version else None
    return {
        "proposals": found,
        "proposals_at": done.finished_at if done else None,
        "proposals_task": next((task for task in tasks if task.is_active), None),
        "proposals_error": tasks[0].error if tasks and not tasks[0].is_active else "",
        "retune": _worded(found["retune"]) if found and found["retune"] else None,
        "recalibrate": _recalibration(found["recalibrate"]) if found and found["recalibrate"] else None,
        "retrained": _retrained(found.get("retrained")) if found else None,
        "may_request_run": Actor.person(request.user).may(REQUEST, row.model),
    }


def _recalibration(found: Mapping[str, Any]) -> dict[str, Any]:
    is_possible = Recalibration(found["slope"], found["intercept"]).is_increasing
    return {**_worded({"metric": "brier", **found}), "is_possible": is_possible}


def _retrained(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`found` is missing from what was computed by a release that did not look."""
    if not found:
        return None
    gains = found["gains"]
    return {
        "name": metric_words(found["metric"]),
        "median": found["median"],
        "count": len(gains),
        "least": min(gains),
        "most": max(gains),
    }


def _worded(gain: Mapping[str, Any]) -> dict[str, Any]:
    """The gain as a person reads it: upwards is better, whichever way the metric points."""
    lower_is_better = gain["metric"] in ("expected_cost", "brier")
    low, high = sorted((-gain[end] if lower_is_better else gain[end]) for end in ("low", "high"))
    return {
        **gain,
        "name": metric_words(gain["metric"]),
        "gained": abs(gain["difference"]),
        "least": low,
        "most": high,
        "is_sure": low > 0,
        "percent_better": 100 * gain["probability_better"],
    }


def _compute(request: HttpRequest, row: Deployment, _: Mapping[str, Any]) -> str:
    proposals_request(model=row.model, actor=Actor.person(request.user))
    return "A worker looks at what could be done."


def _retune(request: HttpRequest, row: Deployment, given: Mapping[str, Any]) -> str:
    threshold_propose(
        model=row.model,
        number=given["number"],
        threshold=given["threshold"],
        reason=f"Re-tuned on {given['labels']} labelled answers.",
        actor=Actor.person(request.user),
    )
    return f"A candidate that decides at {given['threshold']:.4g} is made and judged; it waits for a decision then."


def _recalibrate(request: HttpRequest, row: Deployment, given: Mapping[str, Any]) -> str:
    recalibration_propose(
        model=row.model,
        number=given["number"],
        recalibration=Recalibration(given["slope"], given["intercept"]),
        reason=f"Recalibrated on {given['labels']} labelled answers.",
        actor=Actor.person(request.user),
    )
    return (
        "A candidate with other probabilities and the same decisions is made and judged; then it waits for a decision."
    )


PROPOSAL_ACTIONS: dict[str, tuple[type[forms.Form], Action]] = {
    "proposals": (forms.Form, _compute),
    "retune": (RetuneForm, _retune),
    "recalibrate": (RecalibrateForm, _recalibrate),
}
