"""Messages about requested approvals and decisions, written with what they tell: neither stands without the other."""

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from registry_ui.errors import WrongState
from registry_ui.models import Decision, ModelVersion, Notification, VersionTrial
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
        version=version,
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
        version=decision.version,
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
        version=version,
        fields={"trial": trial.pk, "why": why},
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
    *, event: Notification.Event, key: str, text: str, fields: dict[str, Any], version: ModelVersion | None = None
) -> int:
    """One row a channel; a row that stands already stays as it is."""
    now = timezone.now()
    key = f"{event}:{key}"
    about: dict[str, Any] = {"text": text, "event": event, "id": key, "at": now.isoformat()}
    if version is not None:
        about |= {"model": version.model, "version": version.number, "url": _page(version)}
    rows = [
        Notification(
            key=key,
            channel=channel,
            event=event,
            model=version.model if version else "",
            message={**about, **fields},
            next_try_at=now,
        )
        for channel in channels()
    ]
    return len(Notification.objects.bulk_create(rows, ignore_conflicts=True))


def _page(version: ModelVersion) -> str:
    """The version's page, or nothing where nobody said under which address people reach it."""
    path = reverse("admin:registry_ui_modelversion_change", args=[version.pk])
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else ""
