"""The audit chain: nothing is changed through the database, and what is changed around it is found."""

from collections.abc import Callable, Iterator

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from registry_ui.append_only import install_triggers, remove_triggers
from registry_ui.errors import AuditBroken
from registry_ui.models import AuditEntry, AuditHead, Decision
from registry_ui.services.audit import Event, audit_append, audit_verify
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


def _changed_text() -> None:
    AuditEntry.objects.filter(sequence=2).update(payload="{}")


def _changed_column() -> None:
    AuditEntry.objects.filter(sequence=2).update(actor="mallory")


def _removed() -> None:
    AuditEntry.objects.filter(sequence=2).delete()


def _cut_off() -> None:
    AuditEntry.objects.filter(sequence__gt=2).delete()


def _beheaded() -> None:
    AuditHead.objects.all().delete()


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize(
    ("tamper", "first_bad"),
    [(_changed_text, 2), (_changed_column, 2), (_removed, 2), (_cut_off, 3), (_beheaded, 4)],
)
def test_tampering_is_found_and_named(tamper: Callable[[], None], first_bad: int) -> None:
    append(3)
    assert audit_verify() == 3
    tamper()

    with pytest.raises(AuditBroken) as broken:
        audit_verify()

    assert broken.value.details["sequence"] == first_bad


def test_the_command_verifies_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    append(2)
    call_command("verify_audit")

    assert "2 entries" in capsys.readouterr().out
