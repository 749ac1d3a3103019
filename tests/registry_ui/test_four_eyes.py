"""Who started a run or asked for an approval does not decide about it, and a candidate cannot change that itself."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from registry_ui.errors import FourEyesRefused, PermissionRefused
from registry_ui.models import ApprovalRequest, AuditEntry, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.canaries import canary_end, version_set_canary
from registry_ui.services.decisions import (
    champion_roll_back,
    version_approve,
    version_ask_again,
    version_reject,
    version_request_changes,
)
from registry_ui.services.permissions import four_eyes_set
from tests.registry_ui.conftest import Import, generation, live, member, refusals

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> Actor:
    return Actor.person(User.objects.create_superuser("root", password="a long enough password"))


def given(actor: Actor, number: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "model": "fruit",
        "number": number,
        "actor": actor,
        "reason": "good",
        "expected_generation": generation(),
        **more,
    }


def test_a_first_version_is_asked_for_by_the_system_and_decided_by_the_policy(import_one: Import) -> None:
    first = import_one(actor=Actor.system("bootstrap")).version

    request = ApprovalRequest.objects.get(version=first)
    assert (request.state, request.requested_by, request.started_by, request.decided_by) == (
        "approved",
        "system:bootstrap",
        "system:bootstrap",
        "policy:bootstrap",
    )


def test_who_asked_cannot_decide_and_a_superuser_neither(
    import_one: Import, approver: Actor, admin: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    import_one()
    import_one(flavour=2.0, actor=admin)

    for decide in (version_approve, version_reject, version_request_changes):
        caplog.clear()
        with pytest.raises(FourEyesRefused):
            decide(**given(admin))
        assert refusals(caplog) == [("root", "four_eyes")]
    with pytest.raises(FourEyesRefused):
        version_set_canary(**given(admin, share=0.1))
    version_approve(**given(approver))


def test_who_asks_again_is_bound_and_so_stays_who_started_the_run(
    import_one: Import, approver: Actor, admin: Actor
) -> None:
    import_one()
    import_one(flavour=2.0, actor=approver)
    third = Actor.person(member("ines", "approvers"))
    version_request_changes(**given(third))
    version_ask_again(**given(admin))

    for actor in (approver, admin):
        with pytest.raises(FourEyesRefused):
            version_approve(**given(actor))
    version_approve(**given(third))


def test_a_requester_may_end_a_canary_and_roll_back(import_one: Import, approver: Actor, admin: Actor) -> None:
    import_one()
    import_one(flavour=2.0, actor=admin)
    version_set_canary(**given(approver, share=0.1))
    canary_end(**given(admin))
    import_one(flavour=3.0, actor=admin)
    version_approve(**given(approver, 3))
    champion_roll_back(model="fruit", actor=admin, reason="worse", expected_generation=generation())

    assert live() == ModelVersion.objects.get(number=1)


def test_the_database_itself_refuses_a_decision_by_who_asked(import_one: Import, approver: Actor) -> None:
    import_one()
    second = import_one(flavour=2.0, actor=approver).version
    request = second.approvals.get()

    for change in ({"requested_by": "someone"}, {"started_by": "someone"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApprovalRequest.objects.filter(pk=request.pk).update(
                state="approved", decided_by="olga", decided_at=request.created_at, **change
            )
    with pytest.raises(IntegrityError), transaction.atomic():
        ApprovalRequest.objects.create(model="fruit", version=second, started_by="a", requested_by="b", four_eyes=True)


def test_a_team_of_one_switches_it_off_and_the_switch_is_audited(
    import_one: Import, approver: Actor, admin: Actor
) -> None:
    import_one()
    import_one(flavour=2.0, actor=admin)
    with pytest.raises(PermissionRefused):
        four_eyes_set(model="fruit", required=False, actor=approver, reason="I am alone")
    four_eyes_set(model="fruit", required=False, actor=admin, reason="I am alone")

    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.actor, entry.action) == ("root", "model.four_eyes")
    decision = version_approve(**given(admin))
    assert decision.evidence["approval"]["four_eyes"] is False

    import_one(flavour=3.0, actor=admin)
    four_eyes_set(model="fruit", required=None, actor=admin, reason="Olga came")
    with pytest.raises(FourEyesRefused):
        version_approve(**given(admin, 3))


def test_a_candidate_does_not_switch_off_its_own_four_eyes(import_one: Import, approver: Actor, admin: Actor) -> None:
    off = {"four_eyes": False}
    import_one()
    import_one(flavour=2.0, actor=admin, policy=off)
    with pytest.raises(FourEyesRefused):
        version_approve(**given(admin))
    version_approve(**given(approver))  # somebody else agreed to the policy with the version

    import_one(flavour=3.0, actor=admin, policy=off)
    version_approve(**given(admin, 3))
    import_one(flavour=4.0, actor=admin)  # and one that asks for four eyes itself has them
    with pytest.raises(FourEyesRefused):
        version_approve(**given(admin, 4))
