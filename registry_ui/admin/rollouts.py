"""Versions on trial, on the page of their model: how they fare, what the test says, and what a person may change."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from predictions.models import Deployment
from registry_ui.admin.charts import Chart, Series, chart
from registry_ui.admin.pages import Action, ConfirmedForm, DecisionForm
from registry_ui.models import VersionTrial
from registry_ui.selectors import TrialTold, rollout_overview
from registry_ui.services.access import APPROVE, Actor
from registry_ui.services.trials import CanaryPlan, canary_pause, canary_plan_set, canary_resume
from registry_ui.trial_signals import ERRORS, SLOW, WRONG

_TITLES = {ERRORS: "Failed requests", SLOW: "Slow answers", WRONG: "Wrong decisions"}
_KINDS = {ERRORS: "candidate", SLOW: "champion", WRONG: "candidate second"}
_TOP = 1.25  # of what decides: a line that crosses it is seen to
_MINUTE, _HOUR = 60.0, 3600.0


class ShareList(forms.CharField):
    """Shares in per cent, as "1, 5, 20, 50"."""

    def clean(self, value: Any) -> list[float]:
        text = super().clean(value)
        try:
            return [float(part.rstrip("% ")) / 100 for part in re.split(r"[,;]", text)]
        except ValueError as error:
            raise ValidationError("Give shares in per cent, like 1, 5, 20, 50.") from error


class CanaryStateForm(DecisionForm):
    number = forms.IntegerField(min_value=1)


class PlanForm(ConfirmedForm):
    number = forms.IntegerField(min_value=1)
    steps = ShareList(max_length=200)
    step_minutes = forms.IntegerField(min_value=0)
    minimum_requests = forms.IntegerField(min_value=1)
    promote = forms.BooleanField(required=False)


def context(request: HttpRequest, deployment: Deployment) -> dict[str, Any]:
    """What is on trial, or what the last trial found where nothing is, and whether this person may change a plan."""
    overview = rollout_overview(deployment=deployment)
    over = None if overview.trials else overview.last
    return {
        "trials": [trial_panel(one) for one in overview.trials],
        "last_trial": None if over is None else trial_panel(over),
        "hold": overview.hold,
        "may_plan": Actor.person(request.user).may(APPROVE, deployment.model),
    }


def trial_panel(one: TrialTold) -> dict[str, Any]:
    trial = one.trial
    return {
        "trial": trial,
        "rules": one.rules,
        "steps": [(f"{100 * step:.4g} %", _place(step, trial.share)) for step in one.rules.steps],
        "signals": [_row(name, told, one.decides_at) for name, told in one.told.items()],
        "milliseconds": _milliseconds(trial),
        "chart": _evidence_chart(one),
        "percents": ", ".join(f"{100 * step:.4g}" for step in one.rules.steps),
        "harmful": trial.state == VersionTrial.State.STOPPED,
    }


def _place(step: float, share: float | None) -> str:
    if share is None or step > share:
        return "later"
    return "now" if step == share else "done"


def decided_rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The signals as a decision of the guard keeps them."""
    return [_row(name, told, figures["threshold"]) for name, told in figures["signals"].items()]


def _row(name: str, told: Mapping[str, Any], decides_at: float) -> dict[str, Any]:
    return {
        "name": "Cost of decisions" if told["is_cost"] else _TITLES[name],
        "ours": _side(told["tested"]),
        "theirs": _side(told["beside"]),
        "bound": None if told["bound"] is None else f"{100 * told['bound']:.3g} %",
        "percent": round(100 * min(1.0, max(0.0, told["log_evidence"] / decides_at))),
    }


def _side(side: Mapping[str, Any]) -> dict[str, Any] | None:
    if not side["rows"]:
        return None
    low, high = (f"{100 * end:.3g}" for end in side["interval"])
    return {"rows": side["rows"], "mean": f"{100 * side['mean']:.3g} %", "interval": f"{low} to {high} %"}


def _milliseconds(trial: VersionTrial) -> list[list[str]]:
    """Median and 95th percentile of both versions, as bounds of the classes in which serving counts."""
    sides = trial.signals.get(SLOW, {}).get("milliseconds", [])
    return [["> 5000" if one is None else f"≤ {one}" for one in side] for side in sides if any(side)]


def _evidence_chart(one: TrialTold) -> Chart | None:
    """The logarithm of each e-value over time, as a share of the one that decides."""
    points = one.trial.points
    if len(points) < 2:
        return None
    seconds = max(points[-1]["seconds"], 1.0)
    unit, divisor = ("hours", _HOUR) if seconds > 2 * _HOUR else ("minutes", _MINUTE)
    series = [
        Series(_TITLES[name].lower(), _KINDS[name], [
            (point["seconds"] / divisor, max(0.0, point[name] / one.decides_at)) for point in points if name in point
        ])
        for name in one.told
    ]  # fmt: skip
    end = seconds / divisor
    return chart(
        name=f"chart-trial-{one.trial.pk}",
        title="Evidence of harm",
        description=f"How strong the evidence is over {end:.3g} {unit}, of each signal; at 1 the guard acts.",
        axes=(unit.capitalize(), "1: the guard acts"),
        series=[Series("the guard acts", "guide", [(0.0, 1.0), (end, 1.0)]), *series],
        top=_TOP,
        right=end,
    )


def _given(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": deployment.model,
        "number": given["number"],
        "actor": Actor.person(request.user),
        "reason": given["reason"],
        "expected_generation": given["expected_generation"],
    }


def _plan(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    names = ("steps", "step_minutes", "minimum_requests", "promote")
    plan = CanaryPlan(**{name: given[name] for name in names})
    trial = canary_plan_set(**_given(request, deployment, given), plan=plan)
    return f"Version {trial.version} goes on by itself from now on."


def _pause(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    trial = canary_pause(**_given(request, deployment, given))
    return f"Version {trial.version} stays at its share. It is still watched."


def _resume(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    trial = canary_resume(**_given(request, deployment, given))
    return f"Version {trial.version} goes on by its plan."


ACTIONS: dict[str, tuple[type[forms.Form], Action]] = {
    "plan_canary": (PlanForm, _plan),
    "pause_canary": (CanaryStateForm, _pause),
    "resume_canary": (CanaryStateForm, _resume),
}
