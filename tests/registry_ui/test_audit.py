"""The audit chain: nothing is changed through the database, and what is changed around it is found."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from ml_pipeline.canonical import sha256_hex
from registry_ui.append_only import install_triggers, remove_triggers
from registry_ui.errors import AuditBroken, PermissionRefused
from registry_ui.models import AuditEntry, AuditHead, Decision
from registry_ui.services import audit
from registry_ui.services.access import APPROVE, Actor
from registry_ui.services.audit import Event, audit_append, audit_verify
from registry_ui.services.decisions import version_reject
from tests.registry_ui.conftest import Import

pytestmark = pytest.mark.django_db


@pytest.fixture
def unguarded(db: None) -> Iterator[None]:
    """The database as somebody sees it who removed the triggers."""
    remove_triggers(connection)
    yield
    install_triggers(connection)


def append(count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            audit_append(events=[Event(actor="olga", action="test", subject=f"thing {number}", details={"é": 1})])


@pytest.mark.parametrize("table", [AuditEntry, Decision])
def test_the_database_refuses_changes_and_removals(import_one: Import, table: type[Model]) -> None:
    import_one()
    rows = table._default_manager.all()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(actor="nobody")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows._raw_delete(rows.db)
    assert rows.exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        audit_append(events=[Event(actor="olga", action="test", subject="thing")])


def test_an_entry_of_an_undone_change_is_undone_with_it() -> None:
    append(1)
    with transaction.atomic():
        audit_append(events=[Event(actor="olga", action="test", subject="undone")])
        transaction.set_rollback(True)

    assert audit_verify() == 1


def _set(sequence: int, **columns: object) -> Callable[[], None]:
    return lambda: void(AuditEntry.objects.filter(sequence=sequence).update(**columns))


def _removed() -> None:
    AuditEntry.objects.filter(sequence=2).delete()


def _removed_and_renumbered() -> None:
    _removed()
    AuditEntry.objects.filter(sequence=3).update(sequence=2)


def _cut_off() -> None:
    AuditEntry.objects.filter(sequence__gt=2).delete()


def _swapped() -> None:
    for before, after in ((2, 9), (3, 2), (9, 3)):
        AuditEntry.objects.filter(sequence=before).update(sequence=after)


def _forged(sequence: int, previous_hash: str) -> AuditEntry:
    entry = AuditEntry.objects.get(sequence=3)
    payload = entry.payload.replace('"sequence":3', f'"sequence":{sequence}')
    entry.sequence, entry.payload, entry.previous_hash = sequence, payload, previous_hash
    entry.hash = sha256_hex((previous_hash + payload).encode())
    return entry


def _added_behind_the_head() -> None:
    _forged(4, AuditEntry.objects.get(sequence=3).hash).save(force_insert=True)


def _put_before_the_first() -> None:
    _forged(0, "0" * 64).save(force_insert=True)


def _slipped_in() -> None:
    forged = _forged(3, AuditEntry.objects.get(sequence=2).hash)
    AuditEntry.objects.filter(sequence=3).update(sequence=4, previous_hash=forged.hash)
    AuditHead.objects.update(sequence=4)
    forged.payload = forged.payload.replace("olga", "otto")
    forged.actor, forged.hash = "otto", sha256_hex((forged.previous_hash + forged.payload).encode())
    forged.save(force_insert=True)


def _resealed_without_meaning() -> None:
    last = AuditEntry.objects.get(sequence=3)
    digest = sha256_hex((last.previous_hash + "no JSON").encode())
    AuditEntry.objects.filter(sequence=3).update(payload="no JSON", hash=digest)
    AuditHead.objects.update(hash=digest)


def _beheaded() -> None:
    AuditHead.objects.all().delete()


def _head(**columns: object) -> Callable[[], None]:
    return lambda: void(AuditHead.objects.update(**columns))


def void(_: object) -> None:
    """The number of changed rows is of no interest."""


TAMPERING: dict[str, tuple[Callable[[], None], int]] = {
    "changed text": (_set(2, payload="{}"), 2),
    "changed actor": (_set(2, actor="mallory"), 2),
    "changed action": (_set(2, action="else"), 2),
    "changed model": (_set(2, model="else"), 2),
    "changed subject": (_set(2, subject="else"), 2),
    "changed moment": (_set(2, at=datetime(2020, 1, 1, tzinfo=UTC)), 2),
    "changed hash": (_set(2, hash="0" * 64), 2),
    "changed link": (_set(2, previous_hash="0" * 64), 2),
    "removed": (_removed, 2),
    "removed and renumbered": (_removed_and_renumbered, 2),
    "cut off": (_cut_off, 3),
    "swapped": (_swapped, 2),
    "added behind the head": (_added_behind_the_head, 4),
    "put before the first": (_put_before_the_first, 1),
    "slipped in": (_slipped_in, 4),
    "resealed without meaning": (_resealed_without_meaning, 3),
    "head removed": (_beheaded, 1),
    "head moved back": (_head(sequence=2), 3),
    "head moved on": (_head(sequence=4), 4),
    "head with another hash": (_head(hash="0" * 64), 3),
}


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize(("tamper", "first_bad"), TAMPERING.values(), ids=TAMPERING.keys())
def test_tampering_is_found_and_named(tamper: Callable[[], None], first_bad: int) -> None:
    append(3)
    assert audit_verify() == 3
    tamper()

    with pytest.raises(AuditBroken) as broken:
        audit_verify()

    assert broken.value.details["sequence"] == first_bad


@pytest.mark.usefixtures("unguarded")
def test_a_chain_forged_as_a_whole_is_found_by_an_anchor_from_outside(capsys: pytest.CaptureFixture[str]) -> None:
    append(2)
    anchor = AuditEntry.objects.get(sequence=2)
    AuditEntry.objects.all().delete()
    AuditHead.objects.all().delete()
    append(2)

    assert audit_verify() == 2
    with pytest.raises(CommandError, match="entry 2 is not the one that was noted"):
        call_command("verify_audit", "--anchor", f"2:{anchor.hash}")
    with pytest.raises(CommandError, match="entry 3 is missing"):
        call_command("verify_audit", "--anchor", f"9:{anchor.hash}")
    with pytest.raises(CommandError, match="SEQUENCE:HASH"):
        call_command("verify_audit", "--anchor", "nonsense")


def test_entries_that_come_during_the_proof_are_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    append(2)
    known_head = audit._head
    arriving = iter([1, 1])

    def head_and_an_entry_more() -> audit._Link:
        head = known_head()
        append(next(arriving, 0))
        return head

    monkeypatch.setattr(audit, "_head", head_and_an_entry_more)

    assert audit_verify() == 4


def test_the_command_verifies_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    append(2)
    call_command("verify_audit")

    assert "2 entries" in capsys.readouterr().out


def test_a_refused_attempt_is_one_log_line_and_no_entry(
    requester: Actor, import_one: Import, caplog: pytest.LogCaptureFixture
) -> None:
    import_one()
    entries = AuditEntry.objects.count()
    caplog.clear()

    with pytest.raises(PermissionRefused):
        version_reject(model="fruit", number=1, actor=requester, reason="no", expected_generation=1)

    refused = [record.msg for record in caplog.records if "permission_refused" in str(record.msg)]
    assert [(line["actor"], line["permission"], line["model"]) for line in refused] == [("rui", APPROVE, "fruit")]
    assert AuditEntry.objects.count() == entries
