"""How both versions of a trial fared since it began, also once serving has forgotten the older of its counts.

Serving keeps its rows for `predictions.version_counts.KEPT`. What is older than a day is added up in the trial and not
read again, so that sums only grow: one that falls would hide the calls that came meanwhile. A look reads the rows of
two days at most.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from predictions.route_names import CANARY, CHAMPION
from predictions.version_counts import KEPT, Fared, fared
from registry_ui.models import VersionTrial

RECORD = timedelta(days=1)  # of the version before, in what callers got
ROUTES: dict[str, tuple[str, ...]] = {VersionTrial.Kind.CANARY: (CANARY,), VersionTrial.Kind.CHAMPION: (CHAMPION,)}
_SETTLED = timedelta(days=1)  # so old, counts change no more: a process without a database writes its own late
_MINUTE = timedelta(minutes=1)


def trial_fared(trial: VersionTrial) -> tuple[Fared, Fared]:
    """The version on trial since it began, and the champion meanwhile or the one before in its record.

    Keeps in the trial how far it is added up. The caller saves.
    """
    if trial.kind == VersionTrial.Kind.CANARY:
        ours, theirs = _since_the_beginning(trial, (trial.version, trial.beside))
        return ours, theirs
    [ours] = _since_the_beginning(trial, (trial.version,))
    before = {"since": trial.started_at - RECORD, "until": trial.started_at}
    return ours, fared(model=trial.model, version=trial.beside, routes=(CHAMPION,), **before)


def _since_the_beginning(trial: VersionTrial, versions: Sequence[int]) -> list[Fared]:
    now = timezone.now()
    since, settled = _settled(trial, versions, now)
    totals = _added(settled, _counted(trial, versions, since))
    until = _whole_minute(now - _SETTLED)
    if until - since >= _SETTLED:
        settled, since = _added(settled, _counted(trial, versions, since, until)), until
    trial.counted = {"since": since.isoformat(), "settled": _plain(settled), "seen": _plain(totals)}
    return totals


def _settled(trial: VersionTrial, versions: Sequence[int], now: datetime) -> tuple[datetime, list[Fared]]:
    """From which minute on rows are to be read, and what is added up of those before.

    Where nobody looked for so long that rows after it are forgotten, what was seen last stays as it was, and counting
    goes on with the minute after.
    """
    kept = trial.counted
    if not kept:
        return _whole_minute(max(trial.started_at, now - KEPT)), [Fared() for _ in versions]
    since = datetime.fromisoformat(kept["since"])
    if since >= now - KEPT or trial.looked_at is None:
        return since, [Fared.of(one) for one in kept["settled"]]
    return _whole_minute(trial.looked_at) + _MINUTE, [Fared.of(one) for one in kept["seen"]]


def _counted(
    trial: VersionTrial, versions: Sequence[int], since: datetime, until: datetime | None = None
) -> list[Fared]:
    """What serving has of each version; the second is the champion."""
    routes = (ROUTES[trial.kind], (CHAMPION,))
    return [
        fared(model=trial.model, version=version, routes=route, since=since, until=until)
        for version, route in zip(versions, routes, strict=False)
    ]


def _added(some: Iterable[Fared], more: Iterable[Fared]) -> list[Fared]:
    return [one + other for one, other in zip(some, more, strict=True)]


def _plain(fares: Iterable[Fared]) -> list[dict[str, Any]]:
    return [one.plain() for one in fares]


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
