"""The append-only, hash-chained audit log.

A changed, lost or cut-off entry is found by `audit_verify`. Whoever rewrites every later hash and the head as well is
found by a copy of the head's hash kept elsewhere: it stands in each log line of `audit_append`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


def audit_verify() -> int:
    """The number of entries, proven by order, links, hashes, columns, head. AuditBroken names the first bad one."""
    sequence, last = 0, GENESIS
    for entry in AuditEntry.objects.order_by("sequence").iterator(chunk_size=1_000):
        sequence += 1
        if entry.sequence != sequence:
            raise _broken(sequence, "is missing")
        if entry.previous_hash != last or entry.hash != sha256_hex((last + entry.payload).encode()):
            raise _broken(sequence, "does not have the hash of what it says")
        if not _columns_agree(entry):
            raise _broken(sequence, "says something else in its columns than in its sealed text")
        last = entry.hash
    head = AuditHead.objects.filter(pk=1).first()
    if (head.sequence, head.hash) != (sequence, last) if head else sequence:
        raise _broken(sequence + 1, "is missing: the chain's head knows of it")
    return sequence


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
    sealed = json.loads(entry.payload)
    return (
        sealed["sequence"] == entry.sequence
        and sealed["at"] == entry.at.isoformat()
        and all(sealed[name] == getattr(entry, name) for name in _COLUMNS)
    )


def _broken(sequence: int, what: str) -> AuditBroken:
    return AuditBroken(
        f"Audit entry {sequence} {what}.",
        advice="Compare with a backup of the database: somebody changed the log from outside.",
        details={"sequence": sequence},
    )
