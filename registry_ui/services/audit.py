"""The append-only, hash-chained audit log.

A changed, lost or cut-off entry is found by `audit_verify`. Whoever rewrites every later hash and the head as well is
found by an anchor: a sequence with its hash, kept elsewhere. `audit_append` logs one, and an export holds many.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import structlog
from django.db import connection, transaction
from django.utils import timezone

from ml_pipeline.canonical import canonical_json, sha256_hex
from registry_ui.errors import AuditBroken
from registry_ui.models import AuditEntry, AuditHead

GENESIS = sha256_hex(b"codesoft audit log")
_log = structlog.get_logger(__name__)
_COLUMNS = ("actor", "action", "model", "subject")


@dataclass(frozen=True)
class Event:
    """What one audit entry says. `details` hold ids, hashes and reasons, never inputs of predictions."""

    actor: str
    action: str
    subject: str
    model: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def audit_append(*, events: Sequence[Event]) -> None:
    """Append to the chain, inside the caller's transaction, as its last lock: every writer meets at the head."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("An audit entry belongs into the transaction of its change.")
    AuditHead.objects.get_or_create(pk=1, defaults={"hash": GENESIS})
    head = AuditHead.objects.select_for_update().get(pk=1)
    sequence, last = head.sequence, head.hash
    for event in events:
        entry = _entry(event, sequence + 1, last)
        entry.save(force_insert=True)
        sequence, last = entry.sequence, entry.hash
    # SQLite ignores select_for_update: there, this compare-and-set is what keeps the chain from forking.
    moved = AuditHead.objects.filter(pk=1, sequence=head.sequence, hash=head.hash).update(sequence=sequence, hash=last)
    if not moved:
        raise transaction.TransactionManagementError("The audit head moved under a lock.")
    transaction.on_commit(lambda: _log.info("audit", sequence=sequence, head=last))


def audit_verify(*, anchors: Mapping[int, str] = MappingProxyType({})) -> int:
    """The number of entries, proven by order, links, hashes, columns, head; AuditBroken names the first bad one.

    `anchors` (sequence → hash) were kept outside the database: they also find a chain that was forged as a whole.
    Writers are not locked out: entries that come meanwhile are proven against the head that they moved.
    """
    proven, known = _Link(0, GENESIS), None
    while True:
        head = _head()
        if head == known:
            raise _broken(min(proven.sequence, head.sequence + 1), "is not what the chain's head says")
        proven, known = _follow(proven, anchors), head
        if proven.sequence < max(head.sequence, *anchors, 0):
            raise _broken(proven.sequence + 1, "is missing")
        if proven == head:
            return proven.sequence


class _Link(NamedTuple):
    sequence: int
    hash: str


def _head() -> _Link:
    head = AuditHead.objects.filter(pk=1).first()
    return _Link(head.sequence, head.hash) if head else _Link(0, GENESIS)


def _follow(proven: _Link, anchors: Mapping[int, str]) -> _Link:
    """Prove every entry after `proven`, and give the last."""
    entries = AuditEntry.objects.exclude(sequence__range=(1, proven.sequence)).order_by("sequence")
    for entry in entries.iterator(chunk_size=1_000):
        sequence = proven.sequence + 1
        if entry.sequence != sequence:
            raise _broken(sequence, "is missing")
        if entry.previous_hash != proven.hash or entry.hash != sha256_hex((proven.hash + entry.payload).encode()):
            raise _broken(sequence, "does not have the hash of what it says")
        if not _columns_agree(entry):
            raise _broken(sequence, "says something else in its columns than in its sealed text")
        if anchors.get(sequence, entry.hash) != entry.hash:
            raise _broken(sequence, "is not the one that was noted outside the database")
        proven = _Link(sequence, entry.hash)
    return proven


def _entry(event: Event, sequence: int, previous_hash: str) -> AuditEntry:
    at = timezone.now()
    sealed = {"sequence": sequence, "at": at.isoformat(), "details": dict(event.details)}
    sealed |= {name: getattr(event, name) for name in _COLUMNS}
    payload = canonical_json(sealed).decode()
    return AuditEntry(
        sequence=sequence,
        at=at,
        actor=event.actor,
        action=event.action,
        model=event.model,
        subject=event.subject,
        payload=payload,
        previous_hash=previous_hash,
        hash=sha256_hex((previous_hash + payload).encode()),
    )


def _columns_agree(entry: AuditEntry) -> bool:
    try:
        sealed = json.loads(entry.payload)
        return bool(
            sealed["sequence"] == entry.sequence
            and sealed["at"] == entry.at.isoformat()
            and all(sealed[name] == getattr(entry, name) for name in _COLUMNS)
        )
    except (ValueError, TypeError, KeyError):  # no text of ours, whatever its hash
        return False


def _broken(sequence: int, what: str) -> AuditBroken:
    return AuditBroken(
        f"Audit entry {sequence} {what}.",
        advice="Compare with a backup of the database: somebody changed the log from outside.",
        details={"sequence": sequence},
    )
