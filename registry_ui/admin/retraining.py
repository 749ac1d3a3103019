"""Training on a model's page: what a run would do, the button, the schedule, and what else starts one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from predictions.models import Deployment
from registry_ui.admin.pages import Action
from registry_ui.models import BackgroundTask, Trigger
from registry_ui.run_progress import age_in_words, seconds_in_words
from registry_ui.selectors import (
    UsualSeconds,
    cools_down_until,
    preview_newest,
    retraining_policy,
    schedules_of,
    usual_seconds,
)
from registry_ui.services.access import Actor
from registry_ui.services.previews import preview_request
from registry_ui.services.runs import run_request
from registry_ui.services.schedules import schedule_remove, schedule_set

_CRON = "cron"
_DAYS = {
    "* * *": "Every day",
    **{f"* * {number}": f"Each {name}" for number, name in enumerate(
        ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    )},
    "1 * *": "On the first of each month",
    _CRON: "By the cron line below",
}  # fmt: skip
_FRESH = timedelta(minutes=5)
_WORKS = ("runs", "looks")


class ScheduleForm(forms.Form):
    """Plain choices, or a cron line for what they cannot say. `cron` is the line that they all come to."""

    days = forms.ChoiceField(choices=list(_DAYS.items()))
    time = forms.TimeField(input_formats=["%H:%M"], required=False)
    cron = forms.CharField(max_length=100, required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        days, time = given.get("days"), given.get("time")
        if days == _CRON and not given.get("cron", "").strip():
            self.add_error("cron", "Write a line like 0 2 * * 1, or choose days and a time.")
        elif days not in (None, _CRON) and time is None and "time" not in self.errors:
            self.add_error("time", "Choose a time, in UTC.")
        elif time is not None and days != _CRON:
            given["cron"] = f"{time.minute} {time.hour} {days}"
        return given


def context(deployment: Deployment, *, is_active: bool) -> dict[str, Any]:
    """What the page shows about training; `is_active` where a run waits or works."""
    model = deployment.model
    policy, usual, preview = retraining_policy(model=model), usual_seconds(model=model), preview_newest(model=model)
    return {
        "preview": preview,
        "preview_age": age_in_words(preview.finished_at) if preview and preview.finished_at else "",
        "preview_is_old": not is_active and _is_old(preview),
        "plans": _plans(preview, usual),
        "whole_run": seconds_in_words(list(usual.stages), usual) if usual.stages else "",
        "schedules": schedules_of(model=model),
        "schedule_days": list(_DAYS.items()),
        "policy": policy,
        "cooling": [
            (kind.label, until)
            for kind in (Trigger.SCHEDULE, Trigger.DOCUMENTS, Trigger.DRIFT)
            if (until := cools_down_until(model=model, trigger=kind, policy=policy))
        ],
    }


def _is_old(preview: BackgroundTask | None) -> bool:
    if preview is None or preview.finished_at is None:
        return preview is None
    return timezone.now() - preview.finished_at > _FRESH


def _plans(preview: BackgroundTask | None, usual: UsualSeconds) -> list[dict[str, Any]]:
    """Each stage's plan with how long it took when it last worked."""
    plans = preview.result.get("plans", []) if preview else []
    return [{**plan, "works": plan["outlook"] in _WORKS, "usual": usual.stages.get(plan["stage"])} for plan in plans]


def _retrain(request: HttpRequest, deployment: Deployment, _: Mapping[str, Any]) -> str:
    run = run_request(model=deployment.model, actor=Actor.person(request.user), trigger=Trigger.PERSON)
    return f"{run} is queued."


def _preview(request: HttpRequest, deployment: Deployment, _: Mapping[str, Any]) -> str:
    preview_request(model=deployment.model, actor=Actor.person(request.user))
    return "A worker looks what a run would do."


def _schedule(request: HttpRequest, deployment: Deployment, given: Mapping[str, Any]) -> str:
    schedule_set(model=deployment.model, cron=given["cron"], actor=Actor.person(request.user))
    return f"{deployment.model} trains by this schedule now."


def _unschedule(request: HttpRequest, deployment: Deployment, _: Mapping[str, Any]) -> str:
    schedule_remove(model=deployment.model, actor=Actor.person(request.user))
    return f"{deployment.model} trains by no schedule now."


MODEL_ACTIONS: dict[str, tuple[type[forms.Form], Action]] = {
    "retrain": (forms.Form, _retrain),
    "preview": (forms.Form, _preview),
    "schedule": (ScheduleForm, _schedule),
    "unschedule": (forms.Form, _unschedule),
}
