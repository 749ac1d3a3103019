"""Who acts, and what they may do. Permission is asked inside the service, so that no door can forget it.

A permission is held for every model (by a user or a group of Django), or on one model's `Deployment` row.
"""

from dataclasses import dataclass
from typing import Any, Self

import structlog
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q

from registry_ui.errors import PermissionRefused
from registry_ui.selectors import may_on_model

VIEW = "predictions.view_deployment"
REQUEST = "predictions.request_deployment"
APPROVE = "predictions.approve_deployment"
ROLL_BACK = "predictions.rollback_deployment"
ADMINISTER = "predictions.administer_deployment"
TEST_NOTIFICATION = "registry_ui.test_notification"

APPROVERS = "approvers"
REQUESTERS = "requesters"
_GROUP_PERMISSIONS = {
    APPROVERS: ["approve_deployment", "rollback_deployment"],
    REQUESTERS: ["request_deployment"],
}
_APPS_TO_LOOK_AT = ["registry_ui", "predictions"]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Actor:
    """Somebody, or something that somebody set up, that acts. `name` is what the audit log keeps, as text."""

    name: str
    user: User | None = None

    @classmethod
    def person(cls, user: Any) -> Self:
        """The Django user behind a session or a token; a caller whom Django does not know may do nothing."""
        name = getattr(user, "username", "")
        known = user if isinstance(user, User) else User.objects.filter(username=name).first()
        if known is None:
            error = PermissionRefused("The caller is not a user of the registry.", advice="Log in, or renew the token.")
            raise refused(error, actor=name)
        return cls(known.get_username(), known)

    @classmethod
    def operator(cls, name: str) -> "Operator":
        """Whoever has a shell on the server."""
        return Operator(f"command:{name}")

    @classmethod
    def policy(cls, name: str) -> "Operator":
        """A rule that a person wrote into `params.yaml`."""
        return Operator(f"policy:{name}")

    @classmethod
    def system(cls, name: str) -> "Operator":
        """A periodic task."""
        return Operator(f"system:{name}")

    def may(self, permission: str, model: str | None = None) -> bool:
        """For every model, or on `model`."""
        return self.user is not None and may_on_model(self.user, permission, model)

    def require(self, permission: str, model: str | None = None) -> None:
        """Raise PermissionRefused, which is logged, unless the actor may do this for every model or on `model`."""
        if not self.may(permission, model):
            where = f"on {model}" if model else "for every model"
            error = PermissionRefused(
                f"{self.name} may not do this: the permission {permission} {where} is missing.",
                advice="Ask an administrator for it.",
                details={"permission": permission, "model": model},
            )
            raise refused(error, actor=self.name)


class Operator(Actor):
    """An actor with the server's own rights: a command line, a policy, a periodic task."""

    def may(self, permission: str, model: str | None = None) -> bool:
        return True


def refused(error: PermissionRefused, *, actor: str) -> PermissionRefused:
    """The error, after a line about it in the log: nothing of a refused attempt stands in the database."""
    _log.warning("refused", actor=actor, code=error.code, **error.details)
    return error


def groups_ensure() -> None:
    """The groups `approvers` and `requesters` with their permissions; what an administrator added to them stays."""
    looking = Q(content_type__app_label__in=_APPS_TO_LOOK_AT, codename__startswith="view_")
    for name, codenames in _GROUP_PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=name)
        acting = Q(content_type__app_label="predictions", codename__in=codenames)
        group.permissions.add(*Permission.objects.filter(looking | acting))
