"""Who may do what on one model, and whether it asks for four eyes: set by an administrator, each change audited."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, User
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from registry_ui.errors import WrongState
from registry_ui.models import ModelPolicy
from registry_ui.selectors import MODEL_PERMISSIONS, four_eyes_switch, permissions_held
from registry_ui.services.access import ADMINISTER, Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.decisions import reason_checked
from registry_ui.services.deployments import deployment_lock


def model_permissions_set(
    *, model: str, holder: User | Group, permissions: Iterable[str], actor: Actor, reason: str
) -> None:
    """Let `holder` have exactly `permissions` (of MODEL_PERMISSIONS; none takes all away) on this model."""
    actor.require(ADMINISTER, model)
    reason = reason_checked(reason)
    wanted = set(permissions)
    if unknown := wanted - set(MODEL_PERMISSIONS):
        raise WrongState(f"There is no permission {', '.join(sorted(unknown))} on a model.")
    with transaction.atomic():
        deployment = deployment_lock(model=model)
        before = permissions_held(deployment=deployment, holder=holder)
        for permission in wanted - before:
            assign_perm(permission, holder, deployment)
        for permission in before - wanted:
            remove_perm(permission, holder, deployment)
        kind = "user" if isinstance(holder, User) else "group"
        details = {"before": sorted(before), "after": sorted(wanted), "reason": reason}
        subject = f"{kind} {holder}"[:100]
        event = Event(actor=actor.name, action="model.permissions", model=model, subject=subject, details=details)
        audit_append(events=[event])


def four_eyes_set(*, model: str, required: bool | None, actor: Actor, reason: str) -> None:
    """Ask for four eyes or not, whatever versions declare; None: as they declare. It holds for what waits now, too."""
    actor.require(ADMINISTER, model)
    reason = reason_checked(reason)
    with transaction.atomic():
        deployment_lock(model=model)
        before = four_eyes_switch(model=model)
        ModelPolicy.objects.update_or_create(model=model, defaults={"four_eyes": required})
        details = {"before": before, "after": required, "reason": reason}
        event = Event(actor=actor.name, action="model.four_eyes", model=model, subject=model, details=details)
        audit_append(events=[event])
