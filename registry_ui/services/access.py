"""Who acts, and what they may do. Permission is asked inside the service, so that no door can forget it."""

from dataclasses import dataclass
from typing import Any, Self

import structlog
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q

from registry_ui.errors import PermissionRefused

APPROVE = "registry_ui.approve_modelversion"
ROLL_BACK = "registry_ui.rollback_modelversion"
REQUEST_RUN = "registry_ui.request_run"
TEST_NOTIFICATION = "registry_ui.test_notification"

APPROVERS = "approvers"
REQUESTERS = "requesters"
_GROUP_PERMISSIONS = {
    APPROVERS: ["approve_modelversion", "rollback_modelversion"],
    REQUESTERS: ["request_run"],
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
        known = user if isinstance(user, User) else User.objects.filter(username=getattr(user, "username", "")).first()
        if known is None:
            raise PermissionRefused("The caller is not a user of the registry.", advice="Log in, or renew the token.")
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

    def may(self, permission: str) -> bool:
        return self.user is not None and self.user.has_perm(permission)

    def require(self, permission: str, *, model: str = "") -> None:
        """Raise PermissionRefused unless the actor holds `permission`; an attempt goes to the log, not to the chain."""
        if not self.may(permission):
            _log.warning("permission_refused", actor=self.name, permission=permission, model=model)
            raise PermissionRefused(
                f"{self.name} may not do this.",
                advice="Ask an administrator for the permission.",
                details={"permission": permission},
            )


class Operator(Actor):
    """An actor with the server's own rights: a command line, a policy, a periodic task."""

    def may(self, permission: str) -> bool:
        return True


def groups_ensure() -> None:
    """The groups `approvers` and `requesters` with their permissions; what an administrator added to them stays."""
    looking = Q(content_type__app_label__in=_APPS_TO_LOOK_AT, codename__startswith="view_")
    for name, codenames in _GROUP_PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=name)
        acting = Q(content_type__app_label="registry_ui", codename__in=codenames)
        group.permissions.add(*Permission.objects.filter(looking | acting))
