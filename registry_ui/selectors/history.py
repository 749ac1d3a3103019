"""What served when and why, and what a roll back may name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from predictions.models import Deployment, Generation
from registry_ui.models import Decision, ModelVersion
from registry_ui.selectors.versions import LARGE_COLUMNS, unknown_model

_MEANWHILE_LIMIT = 10
_Action = Decision.Action
_PUTS_LIVE = (_Action.APPROVE, _Action.PROMOTE_CANARY, _Action.ROLL_BACK)
_ENDS_SERVICE = (_Action.RETIRE, _Action.END_CANARY)


@dataclass(frozen=True)
class ServiceHistory:
    """What the decisions about one model say of its versions' service, each version by its number.

    `served`: who was champion at some time. `champions`: who is or would be after roll backs, the last one on top.
    `troubles`: who serves no longer, with the roll back, retirement or end of a canary that ended it.
    `rolled_back`: all roll backs from a version; each is a decision about the version that took its place.
    """

    served: frozenset[int]
    champions: tuple[int, ...]
    champion: int | None
    troubles: Mapping[int, Decision]
    rolled_back: Mapping[int, Sequence[Decision]]

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
    rolled_back: dict[int, list[Decision]] = {}
    for decision in decisions.select_related("version").only(*columns).order_by("id"):
        number = decision.version.number
        if decision.action in _ENDS_SERVICE:
            troubles[number] = decision
            champion = None if decision.action == _Action.RETIRE else champion
            continue
        if decision.action == _Action.ROLL_BACK and champion is not None:
            troubles[champion] = decision
            rolled_back.setdefault(champion, []).append(decision)
        troubles.pop(number, None)
        if decision.action in _PUTS_LIVE:
            stack = _stacked(stack, number, rolled_back=decision.action == _Action.ROLL_BACK)
            served.add(number)
            champion = number
    return ServiceHistory(frozenset(served), tuple(stack), champion, troubles, rolled_back)


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


def trouble_of(*, version: ModelVersion) -> Decision | None:
    """The roll back, retirement or end of a canary that ended the version's last service; None where none did."""
    return service_history(model=version.model).troubles.get(version.number)


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
