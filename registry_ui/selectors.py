"""Every read of the registry."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    Window,
)
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission

from ml_pipeline.errors import UnknownModel
from predictions.models import Deployment, Generation
from registry_ui.errors import UnknownRun, UnknownVersion
from registry_ui.models import (
    ApprovalRequest,
    BackgroundTask,
    Decision,
    ForeignChange,
    MirrorState,
    ModelPolicy,
    ModelVersion,
    OutboxEntry,
    PipelineRun,
)

EVERY_MODEL = "every model"
_MEANWHILE_LIMIT = 10
MODEL_PERMISSIONS = tuple(f"{verb}_deployment" for verb in ("view", "request", "approve", "rollback", "administer"))
_VIEW = "predictions.view_deployment"
_GRANTED = "_granted_on_models"
_SWITCH = "four_eyes_switch"
_Action = Decision.Action
_PUTS_LIVE = (_Action.APPROVE, _Action.PROMOTE_CANARY, _Action.ROLL_BACK)
_ENDS_SERVICE = (_Action.RETIRE, _Action.END_CANARY)
_FLIPS_DONE = {"kind": BackgroundTask.Kind.FLIPS, "state": BackgroundTask.State.SUCCEEDED}
# Columns of a version that lists do not show: tens of kilobytes a row.
LARGE_COLUMNS = ("report", "spec", "lineage", "curves", "parameters", "tags")


@dataclass(frozen=True)
class ModelOverview:
    """One model on the home page; `waiting` is how many of its versions wait for a decision."""

    deployment: Deployment
    live: ModelVersion | None
    waiting: int
    last_run: PipelineRun | None


def may_on_model(user: User, permission: str, model: str | None) -> bool:
    """Does the user hold a permission of `predictions.deployment` for every model, or on `model`?

    To look at a model, any permission on it is enough.
    """
    if user.has_perm(permission):
        return True
    held = granted_on_models(user).get(model or "", frozenset())
    return bool(held) if permission == _VIEW else permission.partition(".")[2] in held


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


@dataclass(frozen=True)
class MirrorOverview:
    """How one model's mirror on the tracking server stands."""

    state: MirrorState | None
    pending: list[OutboxEntry]
    foreign: list[ForeignChange]

    @property
    def last_error(self) -> str:
        """Of the pending entries' last try, else of the last sync."""
        told = [entry.last_error for entry in self.pending] + [self.state.error if self.state else ""]
        return next(filter(None, told), "")


def _row_of(deployment: Deployment) -> dict[str, Any]:
    return {"object_pk": str(deployment.pk), "content_type": ContentType.objects.get_for_model(Deployment)}


@dataclass(frozen=True)
class Served:
    """What one model served at a moment: from its generation on (`until` excluded), because of its decision.

    Before the first decision there is neither; after a retirement the generation names no version. `version_id` is the
    key of the version's row.
    """

    model: str
    until: datetime | None
    generation: Generation | None = None
    version_id: int | None = None
    decision: Decision | None = None


def deployment_get(*, model: str) -> Deployment:
    deployment = Deployment.objects.filter(model=model).first()
    if deployment is None:
        raise unknown_model(model)
    return deployment


def unknown_model(model: str) -> UnknownModel:
    return UnknownModel(f"There is no model {model!r}.", details={"model": model})


def version_get(*, model: str, number: int) -> ModelVersion:
    version = ModelVersion.objects.filter(model=model, number=number).first()
    if version is None:
        raise UnknownVersion(f"{model} has no version {number}.", details={"model": model, "version": number})
    return version


def versions_of(*, model: str) -> QuerySet[ModelVersion]:
    """Newest first, without the large columns; UnknownModel where nothing of that name was declared or imported."""
    deployment_get(model=model)
    return versions_listed(model=model)


def versions_listed(*, model: str) -> QuerySet[ModelVersion]:
    """`versions_of` for who has read the deployment."""
    return ModelVersion.objects.filter(model=model).order_by("-number").defer(*LARGE_COLUMNS)


def run_get(*, model: str, run_id: str | UUID) -> PipelineRun:
    try:
        return PipelineRun.objects.get(model=model, pk=run_id)
    except (PipelineRun.DoesNotExist, ValidationError) as error:
        raise UnknownRun(f"{model} has no run {run_id}.", details={"model": model, "run": str(run_id)}) from error


def champion_get(*, model: str) -> ModelVersion | None:
    """The version that serves now; None before the first decision and after a retirement."""
    number = Deployment.objects.filter(model=model).values("champion_version")
    return ModelVersion.objects.filter(model=model, number__in=number).first()


def champion_of(deployment: Deployment) -> ModelVersion | None:
    """`champion_get` for who has read the deployment."""
    if deployment.champion_version is None:
        return None
    return ModelVersion.objects.get(model=deployment.model, number=deployment.champion_version)


def champion_at(*, model: str, generation: int) -> ModelVersion | None:
    """The version that served at that generation; None where nothing did."""
    number = Generation.objects.filter(model=model, number=generation).values("champion_version")
    return ModelVersion.objects.filter(model=model, number__in=number).first()


def tasks_about(*, version: ModelVersion) -> QuerySet[BackgroundTask]:
    """Background tasks about a version, newest first."""
    return BackgroundTask.objects.filter(model=version.model, asked__version=version.number).order_by("-created_at")


def tasks_newest(*, version: ModelVersion, count: int) -> list[BackgroundTask]:
    """The newest tasks about a version, and `flips_done` whatever its age; newest first."""
    about = tasks_about(version=version)
    shown = Q(pk__in=about.values("pk")[:count]) | Q(pk__in=about.filter(**_FLIPS_DONE).values("pk")[:1])
    return list(BackgroundTask.objects.filter(shown).order_by("-created_at"))


def flips_done(*, version: ModelVersion) -> BackgroundTask | None:
    """The last finished replay of a version, whichever champion it was made with."""
    return tasks_about(version=version).filter(**_FLIPS_DONE).first()


@dataclass(frozen=True)
class ServiceHistory:
    """What the decisions about one model say of its versions' service, each version by its number.

    `served`: who was champion at some time. `champions`: who is or would be after roll backs, the last one on top.
    `troubles`: who serves no longer, with the roll back, retirement or end of a canary that ended it.
    """

    served: frozenset[int]
    champions: tuple[int, ...]
    champion: int | None
    troubles: Mapping[int, Decision]

    @property
    def previous(self) -> int | None:
        """The champion before this one, with earlier roll backs undone."""
        return next((number for number in reversed(self.champions) if number != self.champion), None)

    def is_former(self, version: ModelVersion) -> bool:
        """May a roll back name it: was it champion, and is it not now?"""
        is_out = version.status == ModelVersion.Status.APPROVED and version.stage != ModelVersion.Stage.PRODUCTION
        return is_out and version.number in self.served


def service_history(*, model: str) -> ServiceHistory:
    """Told by the decisions in their order, in one query.

    Approvals push onto a stack and a roll back pops to its target, so that two roll backs go two versions back and not
    forth and back again.
    """
    columns = ("action", "actor", "reason", "created_at", "version__number")
    decisions = Decision.objects.filter(model=model, action__in=[*_PUTS_LIVE, *_ENDS_SERVICE, _Action.SET_CANARY])
    champion: int | None = None
    stack: list[int] = []
    served: set[int] = set()
    troubles: dict[int, Decision] = {}
    for decision in decisions.select_related("version").only(*columns).order_by("id"):
        number = decision.version.number
        if decision.action in _ENDS_SERVICE:
            troubles[number] = decision
            champion = None if decision.action == _Action.RETIRE else champion
            continue
        if decision.action == _Action.ROLL_BACK and champion is not None:
            troubles[champion] = decision
        troubles.pop(number, None)
        if decision.action in _PUTS_LIVE:
            stack = _stacked(stack, number, rolled_back=decision.action == _Action.ROLL_BACK)
            served.add(number)
            champion = number
    return ServiceHistory(frozenset(served), tuple(stack), champion, troubles)


def _stacked(stack: list[int], number: int, *, rolled_back: bool) -> list[int]:
    if rolled_back and number in stack:
        return stack[: stack.index(number) + 1]
    return [*(other for other in stack if other != number), number]


def is_former_champion(version: ModelVersion) -> bool:
    """May a roll back name it?"""
    return service_history(model=version.model).is_former(version)


def previous_champion(*, model: str) -> ModelVersion | None:
    """What a roll back without a name goes to; None where no other version served."""
    number = service_history(model=model).previous
    return None if number is None else ModelVersion.objects.defer(*LARGE_COLUMNS).get(model=model, number=number)


def happened_since(*, model: str, generation: int) -> list[dict[str, Any]]:
    """Decisions that moved the model beyond `generation`, oldest first: what a stale caller missed."""
    missed = Decision.objects.filter(model=model, generation_after__gt=generation).select_related("version")
    return [
        {
            "generation": decision.generation_after,
            "action": decision.action,
            "done": decision.get_action_display().lower(),
            "version": decision.version.number,
            "actor": decision.actor,
            "reason": decision.reason,
            "at": decision.created_at.isoformat(),
        }
        for decision in missed.order_by("id")[:_MEANWHILE_LIMIT]
    ]


def policy_holder(*, model: str) -> ModelVersion | None:
    """The version whose promotion policy is the registry's: the champion, or after a retirement the last one."""
    served = Generation.objects.filter(model=model, champion_version__isnull=False).order_by("-number")
    number = Subquery(served.values("champion_version")[:1])
    return ModelVersion.objects.filter(model=model, number=number).first()


def four_eyes_switch(*, model: str) -> bool | None:
    """What an administrator set; None where the declared policy holds."""
    return ModelPolicy.objects.filter(model=model).values_list("four_eyes", flat=True).first()


def deployments_with_switch() -> QuerySet[Deployment]:
    """Every model with its four-eyes switch, which `switch_of` gives."""
    switch = ModelPolicy.objects.filter(model=OuterRef("model")).values("four_eyes")
    return Deployment.objects.annotate(**{_SWITCH: Subquery(switch)})


def switch_of(deployment: Deployment) -> bool | None:
    """`four_eyes_switch` of a row of `deployments_with_switch`."""
    switch: bool | None = deployment.__dict__[_SWITCH]
    return switch


def current_approval(*, version: ModelVersion) -> ApprovalRequest | None:
    """The request that waits for a decision, or that the canary serves on."""
    states = [ApprovalRequest.State.OPEN, ApprovalRequest.State.CANARY]
    return version.approvals.filter(state__in=states).first()


def trouble_of(*, version: ModelVersion) -> Decision | None:
    """The roll back, retirement or end of a canary that ended the version's last service; None where none did."""
    return service_history(model=version.model).troubles.get(version.number)


def served_at(*, at: datetime, among: QuerySet[Deployment] | None = None, model: str | None = None) -> list[Served]:
    """What each model (of `among`), or `model` alone, served then. A generation's own moment belongs to it."""
    known = Deployment.objects.all() if among is None else among
    models = [one.model for one in known.order_by("model") if model in (None, one.model)]
    if model is not None and not models:
        raise unknown_model(model)
    of_model = Generation.objects.filter(model=OuterRef("model"))
    newest = of_model.filter(created_at__lte=at).order_by("-number").values("number")[:1]
    next_one = of_model.filter(number__gt=OuterRef("number")).order_by("number").values("created_at")[:1]
    made_by = Decision.objects.filter(
        model=OuterRef("model"), generation_before=OuterRef("number") - 1, generation_after=OuterRef("number")
    ).values("pk")[:1]
    version = ModelVersion.objects.filter(model=OuterRef("model"), number=OuterRef("champion_version")).values("pk")
    rows = Generation.objects.filter(model__in=models, number=Subquery(newest)).annotate(
        until=Subquery(next_one), version_id=Subquery(version), decision_id=Subquery(made_by)
    )
    decisions = Decision.objects.defer("evidence").in_bulk([row.decision_id for row in rows if row.decision_id])
    first = dict(Generation.objects.filter(model__in=models, number=1).values_list("model", "created_at"))
    served = {
        row.model: Served(row.model, row.until, row, row.version_id, decisions.get(row.decision_id)) for row in rows
    }
    return [served.get(name, Served(name, until=first.get(name))) for name in models]


def active_run(*, model: str) -> PipelineRun | None:
    states = [PipelineRun.State.QUEUED, PipelineRun.State.RUNNING]
    return PipelineRun.objects.filter(model=model, state__in=states).first()


def run_counts() -> dict[tuple[str, str], int]:
    """(model, state) → how many runs: every known model with every state, zero included."""
    models = Deployment.objects.order_by("model").values_list("model", flat=True)
    counts = {(model, state): 0 for model in models for state in PipelineRun.State.values}
    counted = PipelineRun.objects.order_by().values_list("model", "state").annotate(Count("pk"))
    return counts | {(model, state): count for model, state, count in counted if (model, state) in counts}


def outbox_pending() -> int:
    """How many entries are not yet mirrored."""
    return OutboxEntry.objects.filter(done_at__isnull=True).count()


def versions_waiting(*, among: QuerySet[Deployment], most: int) -> tuple[list[ModelVersion], int]:
    """Which versions of these models wait for a decision, the longest first and at most so many; how many wait in all.

    Without the large columns, in one query.
    """
    waiting = ModelVersion.objects.filter(status=ModelVersion.Status.WAITING, model__in=among.values("model"))
    counted = waiting.annotate(in_all=Window(Count("pk"))).order_by("created_at").defer(*LARGE_COLUMNS)[:most]
    in_all = next((version.in_all for version in counted), 0)
    return [*counted], in_all


def deployments_found(*, among: QuerySet[Deployment], text: str) -> QuerySet[Deployment]:
    """Those with `text` in their name: those with a waiting version first, then by name."""
    waiting = ModelVersion.objects.filter(model=OuterRef("model"), status=ModelVersion.Status.WAITING)
    found = among.filter(model__icontains=text) if text else among
    return found.order_by(Exists(waiting).desc(), "model")


def models_overview(*, deployments: Sequence[Deployment]) -> list[ModelOverview]:
    """What serves, what waits and how the last run went, for these models, in three queries whatever their number."""
    names = [deployment.model for deployment in deployments]
    versions = ModelVersion.objects.filter(model__in=names)
    live = versions.filter(stage=ModelVersion.Stage.PRODUCTION).defer(*LARGE_COLUMNS)
    waiting = versions.filter(status=ModelVersion.Status.WAITING).order_by().values_list("model")
    last_run = PipelineRun.objects.filter(model=OuterRef("model")).order_by("-created_at").values("pk")[:1]
    last_runs = Deployment.objects.filter(model__in=names).values_list(Subquery(last_run))
    live_of = {version.model: version for version in live}
    waiting_of = dict(waiting.annotate(Count("pk")))
    run_of = {run.model: run for run in PipelineRun.objects.filter(pk__in=last_runs).defer("log", "error")}
    return [
        ModelOverview(one, live_of.get(one.model), waiting_of.get(one.model, 0), run_of.get(one.model))
        for one in deployments
    ]


def mirror_overviews(*, models: Collection[str]) -> dict[str, MirrorOverview]:
    """How the mirror of each model stands, in three queries whatever their number."""
    states = {state.model: state for state in MirrorState.objects.filter(model__in=models)}
    pending, foreign = defaultdict(list), defaultdict(list)
    for entry in OutboxEntry.objects.filter(model__in=models, done_at__isnull=True):
        pending[entry.model].append(entry)
    for change in ForeignChange.objects.filter(model__in=models, state=ForeignChange.State.OPEN):
        foreign[change.model].append(change)
    return {model: MirrorOverview(states.get(model), pending[model], foreign[model]) for model in models}


def last_sync(*, subjects: Collection[str]) -> BackgroundTask | None:
    """The newest sync that a person or a hint asked for."""
    return BackgroundTask.objects.filter(kind=BackgroundTask.Kind.SYNC, subject__in=subjects).first()
