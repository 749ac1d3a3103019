"""How a version on trial fares, beside what it is compared with: counted, looked at, and told as evidence."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ml_pipeline.spec.rollout import Rollout
from predictions.route_names import CHAMPION
from predictions.version_counts import Fared
from registry_ui.models import VersionTrial
from registry_ui.selectors import confusion, cost_counts, cost_values, version_get
from registry_ui.services.trial_counts import ROUTES, trial_fared
from registry_ui.trial_signals import (
    ERRORS,
    SIGNALS,
    SLOW,
    WRONG,
    YES_OR_NO,
    evidence_of,
    signal_looked,
    signal_told,
    threshold,
)
from registry_ui.trial_strata import Counts, Strata

RECORD_OF_FEEDBACK = timedelta(days=7)  # labels come late, and few
_FEEDBACK_EVERY = timedelta(seconds=10)  # it is counted anew each time: a label may have been told again
_POINTS = 240
_PERCENTILES = (0.5, 0.95)


def trial_looked(trial: VersionTrial, rules: Rollout) -> None:
    """Bring the signals of the trial up to date, and note a point. The caller saves."""
    now = timezone.now()
    ours, theirs = trial_fared(trial)
    counts = {
        ERRORS: _failures(ours, theirs),
        SLOW: _of_one_size(Counts(YES_OR_NO, _slow(ours, rules), _slow(theirs, rules))),
    }
    told_at = trial.signals.get(WRONG, {}).get("at")
    if told_at is None or now - datetime.fromisoformat(told_at) >= _FEEDBACK_EVERY:
        counts[WRONG] = _of_one_size(_feedback(trial, rules))
    for name, count in counts.items():
        against_record = trial.kind == VersionTrial.Kind.CHAMPION
        before = trial.signals.get(name, {})
        bounds = {"alpha": rules.alpha, "error_share": rules.error_share}
        trial.signals[name] = signal_looked(before, name, count, against_record=against_record, **bounds)
    trial.signals[SLOW]["milliseconds"] = [[one.percentile(share) for share in _PERCENTILES] for one in (ours, theirs)]
    if WRONG in counts:
        trial.signals[WRONG]["at"] = now.isoformat()
    trial.looked_at = now
    trial.points = _thinned([*trial.points, _point(trial, now)])


def trial_figures(trial: VersionTrial, rules: Rollout, *, signal: str = "") -> dict[str, Any]:
    """What a decision records of the trial: both versions' rates, the test's figures, and which `signal` decided."""
    against_record = trial.kind == VersionTrial.Kind.CHAMPION
    return {
        "trial": trial.pk,
        "kind": trial.kind,
        "version": trial.version,
        "beside": trial.beside,
        "signal": signal,
        "since": trial.started_at.isoformat(),
        "alpha": rules.alpha,
        "threshold": threshold(against_record=against_record, alpha=rules.alpha),
        "signals": {
            name: signal_told(trial.signals[name], alpha=rules.alpha) for name in SIGNALS if name in trial.signals
        },
    }


def _failures(ours: Fared, theirs: Fared) -> Strata:
    """By the size of calls; where nobody has called, of single rows."""
    sizes, none = sorted({*ours.sizes, *theirs.sizes}) or [1], [0, 0]
    counts = {size: Counts(YES_OR_NO, ours.sizes.get(size, none), theirs.sizes.get(size, none)) for size in sizes}
    return Strata(YES_OR_NO, counts)


def _of_one_size(counts: Counts) -> Strata:
    return Strata(counts.values, {1: counts})


def _slow(fares: Fared, rules: Rollout) -> list[int]:
    slow = fares.slower_than(rules.latency_ms)
    return [fares.timed - slow, slow]


def _feedback(trial: VersionTrial, rules: Rollout) -> Counts:
    """Wrong decisions as callers told them, or what they cost by the declaration of the version on trial."""
    version = version_get(model=trial.model, number=trial.version)
    is_canary = trial.kind == VersionTrial.Kind.CANARY
    since, until = (trial.started_at, None) if is_canary else (trial.started_at - RECORD_OF_FEEDBACK, trial.started_at)
    told: dict[str, Any] = {"model": trial.model, "known_after": timedelta(minutes=rules.label_minutes)}
    ours = confusion(version=trial.version, routes=ROUTES[trial.kind], since=trial.started_at, **told)
    theirs = confusion(version=trial.beside, routes=(CHAMPION,), since=since, until=until, **told)
    return Counts(cost_values(version), cost_counts(version, ours), cost_counts(version, theirs))


def _point(trial: VersionTrial, now: datetime) -> dict[str, Any]:
    logs = {name: round(evidence_of(trial.signals[name]), 3) for name in SIGNALS if name in trial.signals}
    return {"seconds": round((now - trial.started_at).total_seconds(), 1), "share": trial.share, **logs}


def _thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every second one of the older half, once there are too many: the last is always the newest."""
    if len(points) <= _POINTS:
        return points
    half = len(points) // 2
    return [*points[:half:2], *points[half:]]
