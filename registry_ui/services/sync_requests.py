"""Ask for a sync with the tracking server: by a person's click, or by a hint of the server itself."""

from registry_ui.models import BackgroundTask
from registry_ui.selectors import EVERY_MODEL, deployment_get
from registry_ui.services.access import APPROVE, REQUEST, Actor
from registry_ui.services.background import task_request


def sync_request(*, actor: Actor, model: str = "") -> BackgroundTask:
    """Queue a sync of every model, or of this one; give the active one where it was asked for already.

    No decision and no audit entry: what a sync takes in or finds is recorded by itself.
    """
    if not actor.may(APPROVE, model or None):
        actor.require(REQUEST, model or None)
    if model:
        deployment_get(model=model)
    return task_request(kind=BackgroundTask.Kind.SYNC, subject=model or EVERY_MODEL, model=model, actor=actor)
