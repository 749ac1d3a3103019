"""Approve, reject, request changes, roll back, retire: who may, in which state, and what many people at once get."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from codesoft.error_status import status_of
from ml_pipeline.errors import CodesoftError
from predictions.errors import UnknownVersion
from predictions.models import Generation
from registry_ui.errors import (
    PermissionRefused,
    ReasonRequired,
    StaleGeneration,
    Troubled,
    WrongState,
)
from registry_ui.models import ApprovalRequest, AuditEntry, Decision, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.audit import audit_verify
from registry_ui.services.decisions import (
    champion_retire,
    champion_roll_back,
    version_approve,
    version_ask_again,
    version_reject,
    version_request_changes,
)
from registry_ui.services.preconditions import Confirmed
from tests.registry_ui.conftest import Import, generation, live, member

pytestmark = pytest.mark.django_db


def approve(number: int, actor: Actor, expected: int) -> Decision:
    return version_approve(model="fruit", number=number, actor=actor, reason="looks good", expected_generation=expected)


def roll_back(actor: Actor, number: int | None = None, *, acknowledged: int | None = None) -> Decision:
    return champion_roll_back(
        model="fruit",
        actor=actor,
        reason="wrong",
        expected_generation=generation(),
        number=number,
        confirmed=Confirmed(trouble=acknowledged),
    )


def test_an_approval_swaps_the_champion_and_records_who_and_why(import_one: Import, approver: Actor) -> None:
    first, second = import_one().version, import_one(flavour=2.0).version
    decision = approve(second.number, approver, expected=1)

    first.refresh_from_db()
    assert live() == second
    assert (first.stage, decision.actor, decision.reason) == ("Archived", "olga", "looks good")
    assert (decision.generation_before, decision.generation_after) == (1, 2)
    assert Generation.objects.get(number=2).champion_bundle == second.bundle_hash
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.actor, entry.action, entry.subject) == ("olga", "version.approve", "fruit version 2")
    assert '"reason":"looks good"' in entry.payload


def test_who_lacks_the_permission_changes_nothing(import_one: Import, requester: Actor) -> None:
    import_one()
    second = import_one(flavour=2.0).version
    before = AuditEntry.objects.count()

    with pytest.raises(PermissionRefused):
        approve(second.number, requester, expected=1)
    with pytest.raises(PermissionRefused):
        version_reject(model="fruit", number=2, actor=requester, reason="no", expected_generation=1)
    with pytest.raises(PermissionRefused):
        roll_back(requester)

    assert generation() == 1
    assert AuditEntry.objects.count() == before


def test_a_deactivated_approver_may_do_nothing(import_one: Import, approver: Actor) -> None:
    import_one()
    second = import_one(flavour=2.0).version
    assert approver.user is not None
    approver.user.is_active = False

    with pytest.raises(PermissionRefused):
        approve(second.number, approver, expected=1)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2_001, "nul\x00"])
def test_a_decision_needs_a_reason(import_one: Import, approver: Actor, reason: str) -> None:
    import_one()
    import_one(flavour=2.0)

    with pytest.raises(ReasonRequired):
        version_approve(model="fruit", number=2, actor=approver, reason=reason, expected_generation=1)


def test_a_stale_approver_is_told_what_happened_meanwhile(import_one: Import, approver: Actor) -> None:
    import_one()
    import_one(flavour=2.0)
    import_one(flavour=3.0)
    approve(3, approver, expected=1)

    with pytest.raises(StaleGeneration) as stale:
        approve(2, approver, expected=1)

    assert stale.value.details["generation"] == 2
    assert [(item["actor"], item["version"]) for item in stale.value.details["meanwhile"]] == [("olga", 3)]


def test_what_is_decided_is_not_decided_again(import_one: Import, approver: Actor) -> None:
    import_one()
    import_one(flavour=2.0)
    version_reject(model="fruit", number=2, actor=approver, reason="bias", expected_generation=1)

    with pytest.raises(WrongState):
        approve(2, approver, expected=1)
    with pytest.raises(WrongState):
        approve(1, approver, expected=1)
    with pytest.raises(UnknownVersion):
        approve(9, approver, expected=1)


def test_a_roll_back_restores_the_previous_bundle_and_a_second_goes_further(
    import_one: Import, approver: Actor
) -> None:
    versions = [import_one(flavour=flavour).version for flavour in (1.0, 2.0, 3.0)]
    approve(2, approver, expected=1)
    approve(3, approver, expected=2)

    first_roll_back = roll_back(approver)
    assert live() == versions[1]
    roll_back(approver)
    assert live() == versions[0]
    with pytest.raises(WrongState, match="served before"):
        roll_back(approver)
    with pytest.raises(Troubled, match="wrong"):
        roll_back(approver, number=3)
    forward = roll_back(approver, number=3, acknowledged=first_roll_back.pk)
    assert live() == versions[2]
    assert forward.evidence["acknowledged"] == {"decision": first_roll_back.pk, "reason": "wrong"}
    assert [row.champion_version for row in Generation.objects.order_by("number")] == [1, 2, 3, 2, 1, 3]


def test_a_roll_back_goes_to_former_champions_alone(import_one: Import, approver: Actor) -> None:
    import_one()
    import_one(flavour=2.0)

    with pytest.raises(WrongState, match="not a former champion"):
        roll_back(approver, number=2)


def test_a_version_whose_bundle_is_gone_cannot_go_live(
    import_one: Import, approver: Actor, bundle_folder: Path
) -> None:
    import_one()
    second = import_one(flavour=2.0).version
    shutil.rmtree(bundle_folder / second.bundle_hash)

    with pytest.raises(WrongState, match="not in the store"):
        approve(2, approver, expected=1)
    assert generation() == 1


def test_after_a_retirement_nothing_serves_and_a_roll_back_brings_it_back(import_one: Import, approver: Actor) -> None:
    first = import_one().version
    retired = champion_retire(model="fruit", actor=approver, reason="season over", expected_generation=1)
    assert live() is None

    with pytest.raises(Troubled, match="season over"):
        roll_back(approver)
    roll_back(approver, acknowledged=retired.pk)
    assert live() == first


def test_the_database_itself_refuses_two_champions_and_an_unapproved_one(import_one: Import) -> None:
    import_one()
    second = import_one(flavour=2.0).version

    for change in ({"stage": "Production"}, {"stage": "Production", "status": "approved"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ModelVersion.objects.filter(pk=second.pk).update(**change)


def test_changes_are_asked_for_and_a_new_ask_waits_again(import_one: Import, approver: Actor, requester: Actor) -> None:
    import_one()
    second = import_one(flavour=2.0).version
    given = {"model": "fruit", "number": 2, "expected_generation": 1}
    version_request_changes(actor=approver, reason="weigh the green ones", **given)
    second.refresh_from_db()
    assert second.status == "changes"
    with pytest.raises(WrongState, match="ask again"):
        approve(2, approver, expected=1)
    with pytest.raises(PermissionRefused):
        version_ask_again(actor=approver, reason="done", **given)

    again = version_ask_again(actor=requester, reason="weighed", **given)
    assert (again.action, again.reason) == ("reopen", "weighed")
    assert list(second.approvals.values_list("state", "requested_by", "decided_by")) == [
        ("open", "rui", None),
        ("changes", "command:test", "olga"),
    ]
    approve(2, approver, expected=1)
    assert live() == second


@pytest.mark.django_db(transaction=True)
def test_of_many_approvals_at_once_exactly_one_wins(import_one: Import) -> None:
    """Ten people on SQLite, which queues writers; fifty on PostgreSQL, whose transactions overlap."""
    count = 50 if connection.vendor == "postgresql" else 10
    import_one()
    for flavour in range(2, count + 2):
        import_one(flavour=float(flavour))
    people = [Actor.person(member(f"approver{number}", "approvers")) for number in range(count)]

    def outcome(index: int) -> int:
        try:
            approve(index + 2, people[index], expected=1)
        except CodesoftError as error:
            return status_of(error)
        finally:
            connection.close()
        return 201

    with ThreadPoolExecutor(count) as pool:
        outcomes = Counter(pool.map(outcome, range(count)))

    assert outcomes == {201: 1, 409: count - 1}
    assert generation() == 2
    assert ModelVersion.objects.filter(stage="Production").count() == 1
    assert Decision.objects.filter(generation_after=2).count() == 1
    assert ApprovalRequest.objects.filter(state="open").count() == count - 1
    assert audit_verify() == AuditEntry.objects.count() == count + 3
