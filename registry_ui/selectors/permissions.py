"""Who may do what on which model."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import BigIntegerField, FilteredRelation, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission

from predictions.models import Deployment

MODEL_PERMISSIONS = tuple(f"{verb}_deployment" for verb in ("view", "request", "approve", "rollback", "administer"))
SEE_PREDICTIONS = "predictions.view_prediction"
_VIEW = "predictions.view_deployment"
_GRANTED = "_granted_on_models"


def may_on_model(user: User, permission: str, model: str | None) -> bool:
    """Does the user hold a permission of `predictions.deployment` for every model, or on `model`?

    To look at a model, any permission on it is enough.
    """
    if user.has_perm(permission):
        return True
    held = granted_on_models(user).get(model or "", frozenset())
    return bool(held) if permission == _VIEW else permission.partition(".")[2] in held


def may_see_predictions(user: User | AnonymousUser, model: str) -> bool:
    """May the user see what was asked of a model and answered? For every model, or by any permission on this one."""
    return user.has_perm(SEE_PREDICTIONS) or model in granted_on_models(user)


def models_visible(user: User | AnonymousUser) -> QuerySet[Deployment]:
    """The models that a user may look at: all, or those on which the user or a group holds any permission."""
    if user.has_perm(_VIEW):
        return Deployment.objects.all()
    return Deployment.objects.filter(model__in=granted_on_models(user))


def granted_on_models(user: User | AnonymousUser) -> Mapping[str, frozenset[str]]:
    """Model → what the user or a group holds on it alone; read once a user object, like Django's own permissions."""
    granted: Mapping[str, frozenset[str]] | None = user.__dict__.get(_GRANTED)
    if granted is None:
        granted = user.__dict__[_GRANTED] = _read_grants(user)
    return granted


def _read_grants(user: User | AnonymousUser) -> Mapping[str, frozenset[str]]:
    if not user.is_active:
        return {}
    rows = {"content_type": ContentType.objects.get_for_model(Deployment)}
    row = Deployment.objects.filter(pk=Cast(OuterRef("object_pk"), BigIntegerField()))
    columns = (Subquery(row.values("model")), "permission__codename")
    own = UserObjectPermission.objects.filter(user=user, **rows).values_list(*columns)
    groups = GroupObjectPermission.objects.filter(group__user=user, **rows).values_list(*columns)
    by_model: dict[str | None, set[str]] = defaultdict(set)
    for model, codename in own.union(groups):
        by_model[model].add(codename)
    return {model: frozenset(held) for model, held in by_model.items() if model is not None}


def deciders_of(*, deployment: Deployment, permission: str) -> list[str]:
    """Names of the active users who hold a permission for every model or, by themselves or a group, on this one."""
    everywhere = User.objects.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
    here = {**_row_of(deployment), "permission__codename": permission.partition(".")[2]}
    deciders = User.objects.filter(
        Q(pk__in=everywhere.values("pk"))
        | Q(pk__in=UserObjectPermission.objects.filter(**here).values("user"))
        | Q(groups__in=GroupObjectPermission.objects.filter(**here).values("group")),
        is_active=True,
    )
    return list(deciders.order_by("username").values_list("username", flat=True).distinct())


def permissions_held(*, deployment: Deployment, holder: User | Group) -> frozenset[str]:
    """What the user or the group holds on this model's row, without what is held for every model."""
    row = _row_of(deployment)
    if isinstance(holder, User):
        own = UserObjectPermission.objects.filter(user=holder, **row)
        return frozenset(own.values_list("permission__codename", flat=True))
    theirs = GroupObjectPermission.objects.filter(group=holder, **row)
    return frozenset(theirs.values_list("permission__codename", flat=True))


@dataclass(frozen=True)
class Holder:
    """A user or a group (`kind`), and which permissions it holds on one model alone."""

    kind: str
    name: str
    permissions: frozenset[str]


def holders(*, deployment: Deployment) -> list[Holder]:
    """Everybody who holds or could be given permissions on this model's row, users last, by name: in one query."""
    users = _held_on(deployment, User.objects.all(), "userobjectpermission", "username")
    groups = _held_on(deployment, Group.objects.all(), "groupobjectpermission", "name")
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for relation, name, codename in users.union(groups):
        found[relation.removesuffix("objectpermission"), name].update(filter(None, [codename]))
    return [Holder(kind, name, frozenset(codenames)) for (kind, name), codenames in sorted(found.items())]


def _held_on(deployment: Deployment, everybody: QuerySet[Any], relation: str, name: str) -> QuerySet[Any, Any]:
    """(relation, name, codename) of each permission on the row, and once without a codename for who holds none."""
    row = Q(**{f"{relation}__{column}": value for column, value in _row_of(deployment).items()})
    here = everybody.order_by().annotate(here=FilteredRelation(relation, condition=row), kind=Value(relation))
    held: QuerySet[Any, Any] = here.values_list("kind", name, "here__permission__codename")
    return held


def _row_of(deployment: Deployment) -> dict[str, Any]:
    return {"object_pk": str(deployment.pk), "content_type": ContentType.objects.get_for_model(Deployment)}
