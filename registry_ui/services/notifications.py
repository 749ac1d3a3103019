"""Messages about requested approvals, decisions and drift, written with what they tell: neither without the other."""

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from ml_pipeline.drift.wording import statistic_name
from registry_ui.errors import WrongState
from registry_ui.models import Decision, DriftReport, ModelVersion, Notification, VersionTrial
from registry_ui.selectors import version_get
from registry_ui.services.access import TEST_NOTIFICATION, Actor
from registry_ui.services.audit import Event, audit_append

_Event = Notification.Event


def channels() -> list[Notification.Channel]:
    """Those that the settings name; none without configuration."""
    named = {
        Notification.Channel.EMAIL: settings.NOTIFY_EMAIL_TO,
        Notification.Channel.WEBHOOK: settings.NOTIFY_WEBHOOK_URL,
    }
    return [channel for channel, address in named.items() if address]


def approval_notify(*, version: ModelVersion) -> None:
    """Tell, once a version, that it waits for a decision; nothing where it does not."""
    if version.status != ModelVersion.Status.WAITING:
        return
    verdict = version.recommendation.get("verdict", "").replace("_", " ")
    _write(
        event=_Event.APPROVAL_REQUESTED,
        key=f"{version.pk}",
        text=f"{version} waits for a decision. Recommendation: {verdict or 'none'}.",
        about=_about(version),
        fields={
            "verdict": verdict,
            "reasons": version.recommendation.get("reasons", []),
            "actor": version.requested_by,
        },
    )


def decision_notify(*, decision: Decision) -> None:
    _write(
        event=_Event.DECIDED,
        key=f"{decision.pk}",
        text=f"{decision.version}: {decision.get_action_display().lower()} by {decision.actor}. “{decision.reason}”",
        about=_about(decision.version),
        fields={
            "action": decision.action,
            "actor": decision.actor,
            "reason": decision.reason,
            "generation": decision.generation_after,
        },
    )


def held_notify(*, trial: VersionTrial, why: str) -> None:
    """Tell, once a trial and reason, that it waits for a person."""
    version = version_get(model=trial.model, number=trial.version)
    _write(
        event=_Event.TRIAL_HELD,
        key=f"{trial.pk}:{why}",
        text=f"{trial} waits for a person. {trial.says}",
        about=_about(version),
        fields={"trial": trial.pk, "why": why},
    )


def drift_notify(report: DriftReport) -> None:
    """Tell that an episode of drift has begun: which statistics say so, the furthest beyond its limits first."""
    alarms = [one for one in report.statistics if one["alarms"]]
    named = ", ".join(statistic_name(one["kind"], one["field"]) for one in alarms)
    _write(
        event=_Event.DRIFTED,
        key=f"{report.pk}",
        text=f"The traffic of {report.model} version {report.version} has drifted: {named}.",
        about={"model": report.model, "version": report.version, "url": _page("driftreport", report.pk)},
        fields={
            "report": report.pk,
            "rows": report.rows,
            "statistics": [{name: one[name] for name in ("kind", "field", "value", "threshold")} for one in alarms],
        },
    )


def trial_notify(*, actor: Actor) -> int:
    """A message that says who tries the channels; how many were queued. WrongState where no channel is configured."""
    actor.require(TEST_NOTIFICATION)
    if not channels():
        raise WrongState("No channel is configured.", advice="Set NOTIFY_EMAIL_TO or NOTIFY_WEBHOOK_URL.")
    with transaction.atomic():
        key = str(uuid4())
        queued = _write(
            event=_Event.TEST, key=key, text=f"{actor.name} tries the notifications.", fields={"actor": actor.name}
        )
        audit_append(events=[Event(actor=actor.name, action="notification.test", subject=f"test {key}")])
    return queued


def _write(
    *, event: Notification.Event, key: str, text: str, fields: dict[str, Any], about: dict[str, Any] | None = None
) -> int:
    """One row a channel; a row that stands already stays as it is. `about` names the model, its version and a page."""
    now = timezone.now()
    key = f"{event}:{key}"
    subject = about or {}
    rows = [
        Notification(
            key=key,
            channel=channel,
            event=event,
            model=subject.get("model", ""),
            message={"text": text, "event": event, "id": key, "at": now.isoformat(), **subject, **fields},
            next_try_at=now,
        )
        for channel in channels()
    ]
    return len(Notification.objects.bulk_create(rows, ignore_conflicts=True))


def _about(version: ModelVersion) -> dict[str, Any]:
    return {"model": version.model, "version": version.number, "url": _page("modelversion", version.pk)}


def _page(kind: str, key: int) -> str:
    """A row's page, or nothing where nobody said under which address people reach it."""
    path = reverse(f"admin:registry_ui_{kind}_change", args=[key])
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else ""
