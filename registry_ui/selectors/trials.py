"""Versions on trial, how they fare, and whether anything may move their model by itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from ml_pipeline.spec.rollout import Rollout
from predictions.models import BundleFault, Deployment, Feedback, Prediction
from registry_ui.models import Decision, ModelVersion, VersionTrial
from registry_ui.rules import rollout_of
from registry_ui.trial_signals import SIGNALS, YES_OR_NO, signal_told, threshold

ROLLBACK_GUARD = "system:rollback"
_NOBODY = ("system:", "policy:")
_DAY = timedelta(days=1)
_STILL = timedelta(seconds=60)  # a process renews what it says every ten


def trials_open(*, model: str | None = None) -> QuerySet[VersionTrial]:
    trials = VersionTrial.objects.filter(state__in=VersionTrial.OPEN_STATES)
    return trials if model is None else trials.filter(model=model)


@dataclass(frozen=True)
class TrialTold:
    """A trial, its rules, and what was told of each signal at the last look; `decides_at` is a log e-value."""

    trial: VersionTrial
    rules: Rollout
    decides_at: float
    told: Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class RolloutOverview:
    """What is on trial of a model now, the last trial that is over, and why nothing moves by itself (None: it may)."""

    deployment: Deployment
    trials: list[TrialTold]
    last: TrialTold | None
    hold: "Hold | None"


def rollout_overview(*, deployment: Deployment) -> RolloutOverview:
    """The canary before the champion, in one query where there never was a trial and in two else."""
    of_model = VersionTrial.objects.filter(model=deployment.model)
    over = of_model.exclude(state__in=VersionTrial.OPEN_STATES).order_by("-id").values("pk")[:1]
    found = of_model.filter(Q(state__in=VersionTrial.OPEN_STATES) | Q(pk=Subquery(over))).order_by("kind")
    trials = [trial_told(trial) for trial in found]
    serving: dict[str, int | None] = {
        VersionTrial.Kind.CANARY: deployment.canary_version,
        VersionTrial.Kind.CHAMPION: deployment.champion_version,
    }
    return RolloutOverview(
        deployment,
        trials=[one for one in trials if one.trial.is_open and one.trial.version == serving[one.trial.kind]],
        last=next((one for one in trials if not one.trial.is_open), None),
        hold=automatic_hold(model=deployment.model, cool_down_hours=0) if trials else None,
    )


def trial_told(trial: VersionTrial) -> TrialTold:
    rules = Rollout.model_validate(trial.rules)
    decides_at = threshold(against_record=trial.kind == VersionTrial.Kind.CHAMPION, alpha=rules.alpha)
    told = {name: signal_told(trial.signals[name], alpha=rules.alpha) for name in SIGNALS if name in trial.signals}
    return TrialTold(trial, rules, decides_at, told)


@dataclass(frozen=True)
class Hold:
    """Why nothing moves the model by itself: a roll back by the guard, and until when where only time is wanting."""

    decision: Decision
    until: datetime | None

    def __str__(self) -> str:
        happened = f"Version {self.decision.evidence['trial']['version']} was rolled back automatically"
        if self.until is None:
            return f"{happened}: nothing moves by itself until a person has decided"
        return f"{happened}: nothing is promoted by itself until {self.until:%Y-%m-%d %H:%M} UTC"


def automatic_hold(*, model: str, cool_down_hours: int) -> Hold | None:
    """The automatic roll back after which nobody has decided yet, or whose cool-down lasts; None where none holds."""
    last = Decision.objects.filter(model=model, action=Decision.Action.ROLL_BACK, actor=ROLLBACK_GUARD).first()
    if last is None:
        return None
    later = Decision.objects.filter(model=model, pk__gt=last.pk).exclude(action=Decision.Action.REOPEN)  # asks, only
    if not any(is_person(actor) for actor in later.values_list("actor", flat=True)):
        return Hold(last, None)
    until = last.created_at + timedelta(hours=cool_down_hours)
    return Hold(last, until) if timezone.now() < until else None


def models_held() -> list[Decision]:
    """The automatic roll backs after which nobody has decided yet, one a model."""
    rolled_back = Decision.objects.filter(action=Decision.Action.ROLL_BACK, actor=ROLLBACK_GUARD)
    models = rolled_back.order_by().values_list("model", flat=True).distinct()
    holds = [automatic_hold(model=model, cool_down_hours=0) for model in models]
    return [hold.decision for hold in holds if hold is not None]


def rollbacks_lately(*, model: str) -> int:
    """Automatic roll backs in the last 24 hours."""
    since = timezone.now() - _DAY
    guard = {"action": Decision.Action.ROLL_BACK, "actor": ROLLBACK_GUARD}
    return Decision.objects.filter(model=model, created_at__gt=since, **guard).count()


def is_person(actor: str) -> bool:
    """Whether a name in the log is a person's, or of whoever has a shell."""
    return not actor.startswith(_NOBODY)


def fault_of(*, model: str, bundle: str) -> str | None:
    """What is wrong with the bundle, by the word of some process that cannot load it now; None where nothing is.

    A store that does not give it, or a full disk, says nothing about it: taking the version back would mend nothing.
    """
    lately = timezone.now() - _STILL
    faults = BundleFault.objects.filter(model=model, bundle=bundle, copied=True, seen_at__gt=lately)
    return faults.values_list("message", flat=True).first()


def confusion(
    *,
    model: str,
    version: int,
    routes: Sequence[str],
    since: datetime,
    until: datetime | None = None,
    known_after: timedelta = timedelta(0),
) -> Counter[tuple[str, str]]:
    """(label that was answered, true label) → how many predictions of that time were told so.

    With `known_after` a prediction counts once it is so old, with the label that held then: what was told later is left
    out, or a prediction would count sooner for one label than for another.
    """
    if known_after:
        old = timezone.now() - known_after
        until = old if until is None else min(until, old)
    answer = Prediction.objects.filter(
        pk=OuterRef("pk"), version=version, route__in=routes, created_at__gte=since, **_before(until)
    )
    told = Feedback.objects.filter(model=model, created_at__gte=since)
    answered = told.annotate(answered=Subquery(answer.values("label"))).filter(answered__isnull=False)
    if not known_after:
        return _by_label(answered)
    due = F("answered_at") + known_after
    in_time = answered.annotate(answered_at=Subquery(answer.values("created_at"))).filter(created_at__lte=due)
    as_it_is, retold = in_time.filter(updated_at__lte=due), in_time.filter(updated_at__gt=due)
    return _by_label(as_it_is) + _by_label_then(retold, known_after)


def _by_label(answered: QuerySet[Any]) -> Counter[tuple[str, str]]:
    counted = answered.order_by().values_list("answered", "label").annotate(rows=Count("pk"))
    return Counter({(answered, label): rows for answered, label, rows in counted})


def _by_label_then(retold: QuerySet[Any], known_after: timedelta) -> Counter[tuple[str, str]]:
    """By the label that held before it was told anew; the few that nobody knows any more are left out."""
    counts: Counter[tuple[str, str]] = Counter()
    for answered, at, earlier in retold.values_list("answered", "answered_at", "earlier").iterator():
        labels = [one["label"] for one in earlier if datetime.fromisoformat(one["at"]) <= at + known_after]
        if labels:
            counts[answered, labels[-1]] += 1
    return counts


def cost_values(version: ModelVersion) -> tuple[float, ...]:
    """What one decision can cost, by the version's own declaration: nothing, or shares of the highest cost.

    Right and wrong for every objective but cost; else right, falsely positive, falsely negative.
    """
    decision = version.spec.get("decision", {})
    if decision.get("objective") != "cost" or not version.spec.get("target", {}).get("positive"):
        return YES_OR_NO
    costs = (decision["false_positive"], decision["false_negative"])
    return (0.0, *(cost / max(costs) for cost in costs))


def cost_counts(version: ModelVersion, told: Mapping[tuple[str, str], int]) -> list[int]:
    """How many decisions had each of `cost_values`."""
    counts = [0] * len(cost_values(version))
    positive = version.spec.get("target", {}).get("positive")
    for (answered, label), rows in told.items():
        if answered == label:
            counts[0] += rows
        else:
            counts[1 if len(counts) == 2 or answered == positive else 2] += rows
    return counts


def new_champions() -> list[Decision]:
    """Approvals and promotions of canaries whose watch may still last and that nobody watches yet, oldest first."""
    actions = (Decision.Action.APPROVE, Decision.Action.PROMOTE_CANARY)
    longest = timezone.now() - timedelta(hours=168)
    watched = VersionTrial.objects.filter(kind=VersionTrial.Kind.CHAMPION, generation=OuterRef("generation_after"))
    live = Deployment.objects.filter(model=OuterRef("model"), champion_version=OuterRef("version__number"))
    taken = Decision.objects.filter(action__in=actions, created_at__gt=longest).select_related("version")
    found = taken.annotate(
        serving=Subquery(live.values("champion_version")[:1]),
        trial=Subquery(watched.filter(model=OuterRef("model")).values("pk")[:1]),
    ).filter(serving__isnull=False, trial__isnull=True)
    return [one for one in found.order_by("id") if _is_fresh(one)]


def _is_fresh(decision: Decision) -> bool:
    """Its watch would not be over yet, and no later decision put the same version live again."""
    hours = rollout_of(decision.version).watch_hours
    if timezone.now() >= decision.created_at + timedelta(hours=hours):
        return False
    again = Decision.objects.filter(model=decision.model, pk__gt=decision.pk)
    return not again.filter(
        action__in=[
            Decision.Action.APPROVE,
            Decision.Action.PROMOTE_CANARY,
            Decision.Action.ROLL_BACK,
            Decision.Action.RETIRE,
        ]
    ).exists()


def _before(until: datetime | None) -> dict[str, datetime]:
    return {} if until is None else {"created_at__lt": until}
