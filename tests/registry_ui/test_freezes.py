"""In a freeze nothing new goes live, by a person or by a policy; every way back stays open."""

from typing import Any

import pytest

from registry_ui.errors import Frozen
from registry_ui.services.access import Actor
from registry_ui.services.canaries import canary_end, canary_promote, version_set_canary
from registry_ui.services.decisions import champion_retire, champion_roll_back, version_approve, version_reject
from tests.registry_ui.conftest import Import, generation, live

pytestmark = pytest.mark.django_db

NOW = {"freeze": [{"from": "2000-01-01", "to": "2100-01-01"}]}
OVER = {"freeze": [{"from": "2000-01-01", "to": "2001-01-01"}]}


def given(actor: Actor, number: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "model": "fruit",
        "number": number,
        "actor": actor,
        "reason": "good",
        "expected_generation": generation(),
        **more,
    }


def test_a_frozen_version_neither_goes_live_nor_becomes_a_canary(import_one: Import, approver: Actor) -> None:
    import_one()
    import_one(flavour=2.0, policy=NOW)

    with pytest.raises(Frozen, match="until 2100-01-01 00:00 UTC") as refusal:
        version_approve(**given(approver))
    assert refusal.value.details["rule"] == "freeze"
    with pytest.raises(Frozen):
        version_set_canary(**given(approver, share=0.1))
    version_reject(**given(approver))


def test_a_candidate_cannot_lift_the_freeze_of_the_champion(import_one: Import, approver: Actor) -> None:
    import_one()
    import_one(flavour=2.0)
    version_set_canary(**given(approver, share=0.2))
    import_one(flavour=1.5, policy=NOW, champion=None, elsewhere=True)
    first = live()
    assert first is not None
    first.recommendation["promotion"] |= NOW  # as if the champion had been approved with it
    first.save()

    with pytest.raises(Frozen):
        canary_promote(**given(approver))
    with pytest.raises(Frozen):
        version_set_canary(**given(approver, share=0.3))
    version_set_canary(**given(approver, share=0.1))
    canary_end(**given(approver))
    champion_retire(model="fruit", actor=approver, reason="unsafe", expected_generation=generation())
    with pytest.raises(Frozen):
        version_approve(**given(approver, 3))


def test_a_roll_back_stays_possible(import_one: Import, approver: Actor) -> None:
    first = import_one(policy=OVER).version
    second = import_one(flavour=2.0, policy=OVER).version
    version_approve(**given(approver))
    second.refresh_from_db()
    second.recommendation["promotion"] |= NOW
    second.save()

    champion_roll_back(model="fruit", actor=approver, reason="worse", expected_generation=2)
    assert live() == first


def test_a_policy_that_a_freeze_stops_says_which_rule(import_one: Import) -> None:
    import_one()
    imported = import_one(flavour=2.0, mode="auto", verdict="promote", policy=NOW)

    assert imported.decision is None
    assert "The freeze 2000-01-01 to 2100-01-01 UTC holds" in imported.version.approvals.get().policy_says


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"mode": "manual", "verdict": "promote"}, "Promotion is manual"),
        ({"mode": "auto", "verdict": "keep"}, "a gain of more than 0 in accuracy"),
        ({"mode": "auto", "verdict": "promote", "elsewhere": True}, "trained elsewhere"),
    ],
)
def test_every_rule_by_which_a_policy_leaves_a_version_waiting_is_said(
    import_one: Import, what: dict[str, Any], says: str
) -> None:
    import_one()
    imported = import_one(flavour=2.0, **what)

    assert imported.decision is None
    assert says in imported.version.approvals.get().policy_says


def test_no_policy_brings_back_what_was_rolled_back_from(import_one: Import, approver: Actor) -> None:
    import_one()
    second = import_one(flavour=2.0).version
    version_approve(**given(approver))
    champion_roll_back(model="fruit", actor=approver, reason="worse at night", expected_generation=2)
    again = import_one(flavour=2.0, mode="auto", verdict="promote")

    assert (again.version, again.decision, generation()) == (second, None, 3)
