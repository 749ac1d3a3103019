"""The mirror of MLflow, outward: stages and aliases written after commit, and nothing of anybody else's overwritten.

Before the first write, what is about to be written is noted in `MirrorState.writing`, and after the last one it counts
as written. A process that is killed in between leaves values that the next one knows as ours.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from ml_pipeline.errors import CodesoftError, TrackingUnavailable
from ml_pipeline.tracking.mirror import list_versions, set_alias, set_stage
from ml_pipeline.tracking.registry import TrackedVersion
from predictions.models import Deployment
from registry_ui.models import ForeignChange, MirrorState, ModelVersion, OutboxEntry
from registry_ui.services.three_way import STAGE, Comparison, Items, Sight, compare, sight

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=10)
_CLAIM = timedelta(minutes=5)
_MODELS_AT_ONCE = 20
_ROUNDS = 5  # a round that has nothing left to write is the last one; a decision between two costs one more
_MIRROR = "system:mirror"
_State = ForeignChange.State
_log = structlog.get_logger(__name__)


def outbox_mirror(*, model: str = "", tell: Callable[[int, int, str], None] = lambda *_: None) -> int:
    """Mirror every model with a due entry, or this one; how many were. What fails is tried again, later each time."""
    due = OutboxEntry.objects.filter(done_at__isnull=True, next_try_at__lte=timezone.now())
    due = due.filter(model=model) if model else due
    mirrored = 0
    names = list(due.values_list("model", flat=True).distinct().order_by("model")[:_MODELS_AT_ONCE])
    for number, name in enumerate(names):
        tell(number, len(names), f"writing {name}")
        mirrored += _mirror_model(name)
    return mirrored


def mirror_compare(
    *, model: str, revision: int, standing: Iterable[TrackedVersion], will_write: bool = False
) -> tuple[Sight, Comparison] | None:
    """Judge what stands on the server, and keep what was learned: foreign changes, and what counts as written.

    `revision` is the state's from before the server was read; None where it moved since: then the reading is too old
    to tell anybody's change from our own. With `will_write`, what is to be written is noted as ours.
    """
    with transaction.atomic():
        state = MirrorState.objects.select_for_update().get(model=model)
        if state.revision != revision:
            return None
        seen = sight(
            versions=ModelVersion.objects.filter(model=model),
            deployment=Deployment.objects.filter(model=model).first(),
            standing=standing,
        )
        judged = compare(seen=seen, written=state.written, writing=state.writing, runs=state.runs)
        _keep_changes(model, seen, judged)
        if will_write:
            state.writing = judged.push
        state.written, state.found, state.runs, state.missing = judged.written, seen.found, seen.runs, seen.missing
        state.synced_at, state.error = timezone.now(), ""
        state.revision += 1
        state.save()
    return seen, judged


def _mirror_model(model: str) -> bool:
    """Mirror one model for all its entries up to now. The claim keeps a second worker from writing at the same time."""
    entries = OutboxEntry.objects.filter(model=model, done_at__isnull=True)
    last = entries.aggregate(last=Max("id"))["last"]
    claimed = entries.filter(id__lte=last, next_try_at__lte=timezone.now()).update(next_try_at=timezone.now() + _CLAIM)
    if not claimed:
        return False
    try:
        _push(model)
    except CodesoftError as error:
        _postpone(model, last, str(error))
        _log.warning("mirror_failed", model=model, error=str(error))
        return False
    entries.filter(id__lte=last).update(done_at=timezone.now(), last_error="")
    return True


def _push(model: str) -> None:
    """Write what is ours until a reading shows that it stands there."""
    for _ in range(_ROUNDS):
        revision = MirrorState.objects.get_or_create(model=model)[0].revision
        known = mirror_compare(model=model, revision=revision, standing=list_versions(model), will_write=True)
        if known is None:
            continue
        seen, judged = known
        if not judged.push:
            return
        _write(model, seen, judged.push)
        _keep_written(model, judged.push)
    raise TrackingUnavailable(
        f"The tracking server does not show what was written about {model}.",
        advice="Look whether somebody else writes there at the same time.",
        details={"model": model},
    )


def _write(model: str, seen: Sight, push: Items) -> None:
    for key, value in push.items():
        kind, _, name = key.partition(":")
        if kind == STAGE:
            set_stage(model, seen.places[name], value)  # type: ignore[arg-type]
        else:
            set_alias(model, name, seen.places[value] if value else None)  # type: ignore[arg-type]


def _keep_written(model: str, pushed: Items) -> None:
    with transaction.atomic():
        state = MirrorState.objects.select_for_update().get(model=model)
        if state.writing == pushed:
            state.written, state.writing = {**state.written, **pushed}, {}
            state.revision += 1
            state.save(update_fields=["written", "writing", "revision"])


def _keep_changes(model: str, seen: Sight, judged: Comparison) -> None:
    """One open row for each foreign change, and none for what is no longer one."""
    known = {row.key: row for row in ForeignChange.objects.filter(model=model, state=_State.OPEN)}
    for key, row in known.items():
        if judged.foreign.get(key) == row.theirs:
            continue
        decided = seen.wanted.get(key, row.ours) != row.ours
        _close(row, _State.SUPERSEDED if decided else _State.GONE, seen)
    for key, theirs in judged.foreign.items():
        if key not in known or known[key].state != _State.OPEN:
            row = _changed(model, key, seen.wanted[key], theirs)
            _log.warning("foreign_change", model=model, item=key, ours=row.ours, theirs=theirs)
    for key, theirs in judged.overtaken.items():
        if key not in known:
            _close(_changed(model, key, seen.wanted[key], theirs), _State.SUPERSEDED, seen)


def _changed(model: str, key: str, ours: str, theirs: str) -> ForeignChange:
    kind, _, name = key.partition(":")
    return ForeignChange.objects.create(model=model, kind=kind, name=name, ours=ours, theirs=theirs)


def _close(row: ForeignChange, state: ForeignChange.State, seen: Sight) -> None:
    row.state, row.resolved_by, row.resolved_at = state, _MIRROR, timezone.now()
    row.reason = {
        _State.SUPERSEDED: f"A later decision here says {row.in_words(seen.wanted.get(row.key, ''))}.",
        _State.GONE: f"There it is {row.in_words(seen.found.get(row.key, ''))} now.",
    }[state]
    row.save(update_fields=["state", "resolved_by", "resolved_at", "reason"])


def _postpone(model: str, last: int, error: str) -> None:
    for entry in OutboxEntry.objects.filter(model=model, done_at__isnull=True, id__lte=last):
        entry.attempts += 1
        pause = min(_FIRST_PAUSE * 2 ** min(entry.attempts - 1, 10), _LONGEST_PAUSE)
        entry.next_try_at = timezone.now() + pause
        entry.last_error = error[:2_000]
        entry.save(update_fields=["attempts", "next_try_at", "last_error"])
