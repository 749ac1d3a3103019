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
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
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
_Action = Decision.Action
_PUTS_LIVE = (_Action.APPROVE, _Action.PROMOTE_CANARY, _Action.ROLL_BACK)
# Columns of a version that lists do not show: tens of kilobytes a row.
LARGE_COLUMNS = ("report", "spec", "lineage")


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
    own = UserObjectPermission.objects.filter(user=user, **rows).values_list("object_pk", "permission__codename")
    groups = GroupObjectPermission.objects.filter(group__user=user, **rows)
    by_row: dict[str, set[str]] = {}
    for row, codename in [*own, *groups.values_list("object_pk", "permission__codename")]:
        by_row.setdefault(row, set()).add(codename)
    names = Deployment.objects.filter(pk__in=by_row).values_list("pk", "model") if by_row else []
    return {model: frozenset(by_row[str(pk)]) for pk, model in names}


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


def permissions_held(*, deployment: Deployment) -> dict[User | Group, frozenset[str]]:
    """Who holds which permissions on this model's row: users and groups by name, without those for every model."""
    row = _row_of(deployment)
    held: dict[User | Group, set[str]] = {}
    for one in UserObjectPermission.objects.filter(**row).select_related("user", "permission").order_by("user"):
        held.setdefault(one.user, set()).add(one.permission.codename)
    for each in GroupObjectPermission.objects.filter(**row).select_related("group", "permission").order_by("group"):
        held.setdefault(each.group, set()).add(each.permission.codename)
    return {holder: frozenset(codenames) for holder, codenames in held.items()}


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


def is_former_champion(version: ModelVersion) -> bool:
    """May a roll back name it?"""
    if version.status != ModelVersion.Status.APPROVED or version.stage == ModelVersion.Stage.PRODUCTION:
        return False
    return Generation.objects.filter(model=version.model, champion_version=version.number).exists()


def champion_at(*, model: str, generation: int) -> ModelVersion | None:
    """The version that served at that generation; None where nothing did."""
    number = Generation.objects.filter(model=model, number=generation).values("champion_version")
    return ModelVersion.objects.filter(model=model, number__in=number).first()


def tasks_about(*, version: ModelVersion) -> QuerySet[BackgroundTask]:
    """Background tasks about a version, newest first."""
    return BackgroundTask.objects.filter(model=version.model, asked__version=version.number).order_by("-created_at")


def flips_done(*, version: ModelVersion) -> BackgroundTask | None:
    """The last finished replay of a version, whichever champion it was made with."""
    done = {"kind": BackgroundTask.Kind.FLIPS, "state": BackgroundTask.State.SUCCEEDED}
    return tasks_about(version=version).filter(**done).first()


def former_champions(*, model: str) -> list[ModelVersion]:
    """Versions that a roll back may name: every approved one that was champion and is not now, newest first."""
    current = Deployment.objects.filter(model=model).values_list("champion_version", flat=True).first()
    served = Generation.objects.filter(model=model, champion_version__isnull=False).exclude(champion_version=current)
    numbers = served.values_list("champion_version", flat=True).distinct()
    approved = ModelVersion.Status.APPROVED
    return list(ModelVersion.objects.filter(model=model, number__in=numbers, status=approved).order_by("-number"))


def previous_champion(*, model: str) -> ModelVersion | None:
    """What a roll back without a name goes to: the champion before this one, with earlier roll backs undone.

    Approvals push onto a stack and a roll back pops to its target, so that two roll backs go two versions back and not
    forth and back again.
    """
    stack: list[int] = []
    history = Decision.objects.filter(model=model, action__in=_PUTS_LIVE)
    for action, number in history.order_by("id").values_list("action", "version__number"):
        if number in stack and action == _Action.ROLL_BACK:
            del stack[stack.index(number) + 1 :]
        else:
            stack = [other for other in stack if other != number] + [number]
    current = _champion_number(model).first()
    before = [number for number in stack if number != current]
    return ModelVersion.objects.defer(*LARGE_COLUMNS).get(model=model, number=before[-1]) if before else None


def _champion_number(model: str) -> QuerySet[Deployment, int | None]:
    """The number of the version that serves, also to ask for inside another query; no row where none does."""
    live = Deployment.objects.filter(model=model, champion_version__isnull=False)
    return live.values_list("champion_version", flat=True)


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
    number = served.values_list("champion_version", flat=True).first()
    return None if number is None else ModelVersion.objects.get(model=model, number=number)


def four_eyes_switch(*, model: str) -> bool | None:
    """What an administrator set; None where the declared policy holds."""
    return ModelPolicy.objects.filter(model=model).values_list("four_eyes", flat=True).first()


def current_approval(*, version: ModelVersion) -> ApprovalRequest | None:
    """The request that waits for a decision, or that the canary serves on."""
    states = [ApprovalRequest.State.OPEN, ApprovalRequest.State.CANARY]
    return version.approvals.filter(state__in=states).first()


def trouble_of(*, version: ModelVersion) -> Decision | None:
    """The roll back, retirement or end of a canary that ended the version's last service; None where none did."""
    decisions = Decision.objects.filter(model=version.model)
    served = Generation.objects.filter(model=version.model, champion_version=version.number)
    rolled_back = Q(action=_Action.ROLL_BACK, generation_before__in=served.values("number"))
    ended = Q(action__in=[_Action.RETIRE, _Action.END_CANARY], version=version)
    trouble = decisions.filter(rolled_back | ended).order_by("-id").first()
    if trouble is None:
        return None
    since = decisions.filter(version=version, id__gt=trouble.pk, action__in=[*_PUTS_LIVE, _Action.SET_CANARY])
    return None if since.exists() else trouble


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


def versions_waiting(*, among: QuerySet[Deployment]) -> QuerySet[ModelVersion]:
    """Every version of these models that waits for a decision, the longest first, without the large columns."""
    waiting = ModelVersion.objects.filter(status=ModelVersion.Status.WAITING, model__in=among.values("model"))
    return waiting.order_by("created_at").defer(*LARGE_COLUMNS)


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
