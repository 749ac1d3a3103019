"""Canaries: an approved share of the entities, in the history, ended or promoted, and never a surprise for callers."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from predictions.models import Deployment, Generation
from registry_ui.errors import (
    IncompatibleInputs,
    InvalidShare,
    PermissionRefused,
    StaleGeneration,
    Troubled,
    WrongState,
)
from registry_ui.models import Decision, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.canaries import canary_end, canary_promote, version_set_canary
from registry_ui.services.decisions import champion_roll_back, version_approve, version_reject
from registry_ui.services.preconditions import Confirmed
from tests.registry_ui.conftest import Import, generation, live

pytestmark = pytest.mark.django_db


def given(actor: Actor, number: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "model": "fruit",
        "number": number,
        "actor": actor,
        "reason": "try it",
        "expected_generation": generation(),
        **more,
    }


@pytest.fixture
def candidate(import_one: Import) -> ModelVersion:
    import_one()
    return import_one(flavour=2.0).version


def serving() -> tuple[int | None, int | None, float | None]:
    row = Deployment.objects.get(model="fruit")
    return row.champion_version, row.canary_version, row.canary_share


def test_a_canary_is_a_recorded_decision_and_its_share_can_be_changed(candidate: ModelVersion, approver: Actor) -> None:
    decision = version_set_canary(**given(approver, share=0.05))
    assert serving() == (1, 2, 0.05)
    assert (decision.action, decision.actor, decision.evidence["share"]) == ("set_canary", "olga", 0.05)
    candidate.refresh_from_db()
    assert (candidate.status, candidate.stage) == ("canary", "Staging")

    version_set_canary(**given(approver, share=0.5))
    assert serving() == (1, 2, 0.5)
    assert list(
        Generation.objects.order_by("number").values_list("champion_version", "canary_version", "canary_share")
    ) == [
        (1, None, None),
        (1, 2, 0.05),
        (1, 2, 0.5),
    ]
    with pytest.raises(StaleGeneration):
        version_set_canary(**given(approver, share=0.6, expected_generation=2))


def test_a_promoted_canary_is_the_champion(candidate: ModelVersion, approver: Actor) -> None:
    version_set_canary(**given(approver, share=0.1))
    with pytest.raises(WrongState, match="Promote the canary"):
        version_approve(**given(approver))
    canary_promote(**given(approver))

    assert (serving(), live()) == ((2, None, None), candidate)
    champion_roll_back(model="fruit", actor=approver, reason="worse", expected_generation=3)
    assert serving() == (1, None, None)


def test_an_ended_canary_waits_again_and_is_not_taken_up_without_naming_why(
    candidate: ModelVersion, approver: Actor, import_one: Import
) -> None:
    version_set_canary(**given(approver, share=0.1))
    ended = canary_end(**given(approver, reason="slow answers"))
    candidate.refresh_from_db()
    assert (serving(), candidate.status) == ((1, None, None), "waiting")

    again = import_one(flavour=2.0, mode="auto", verdict="promote")
    assert again.decision is None
    assert again.version.approvals.get().policy_says == "olga ended its service: “slow answers”."
    for decide in (version_approve, lambda **values: version_set_canary(**values, share=0.1)):
        with pytest.raises(Troubled, match="slow answers"):
            decide(**given(approver))
    version_approve(**given(approver, confirmed=Confirmed(trouble=ended.pk)))
    assert live() == candidate


def test_another_champion_or_another_canary_ends_a_canary(
    candidate: ModelVersion, approver: Actor, import_one: Import
) -> None:
    third = import_one(flavour=3.0).version
    version_set_canary(**given(approver, share=0.1))
    version_set_canary(**given(approver, 3, share=0.2))
    candidate.refresh_from_db()
    assert (serving(), candidate.status) == ((1, 3, 0.2), "waiting")

    version_approve(**given(approver))
    third.refresh_from_db()
    assert (serving(), third.status, third.approvals.get().state) == ((2, None, None), "waiting", "open")


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_share_lies_between_nothing_and_all(candidate: ModelVersion, approver: Actor, share: float) -> None:
    with pytest.raises(InvalidShare):
        version_set_canary(**given(approver, share=share))
    assert serving() == (1, None, None)


def test_what_is_no_canary_is_neither_promoted_nor_ended_and_the_canary_is_not_rejected(
    candidate: ModelVersion, approver: Actor, requester: Actor
) -> None:
    for decide in (canary_promote, canary_end):
        with pytest.raises(WrongState, match="not the canary"):
            decide(**given(approver))
        with pytest.raises(PermissionRefused):
            decide(**given(requester))
    with pytest.raises(PermissionRefused):
        version_set_canary(**given(requester, share=0.1))
    version_set_canary(**given(approver, share=0.1))
    with pytest.raises(WrongState, match="end it first"):
        version_reject(**given(approver))


def test_inputs_that_the_champion_accepts_and_a_version_refuses_keep_it_from_being_a_canary(
    import_one: Import, approver: Actor
) -> None:
    import_one()
    second = import_one(flavour=2.0, heaviest=19.0).version

    with pytest.raises(IncompatibleInputs, match="weight") as refusal:
        version_set_canary(**given(approver, share=0.1, confirmed=Confirmed(incompatible=True)))
    assert [(one["field"], one["code"]) for one in refusal.value.details["fields"]] == [("weight", "lower_maximum")]
    with pytest.raises(IncompatibleInputs, match="weight"):
        version_approve(**given(approver))
    decision = version_approve(**given(approver, confirmed=Confirmed(incompatible=True)))
    assert decision.evidence["incompatible_inputs"] == [["weight", "lower_maximum"]]
    assert live() == second


def test_no_policy_puts_a_version_live_that_refuses_what_the_champion_accepts(import_one: Import) -> None:
    import_one()
    imported = import_one(flavour=2.0, heaviest=19.0, mode="auto", verdict="promote")

    assert imported.decision is None
    assert imported.version.approvals.get().policy_says == "It refuses inputs that the champion accepts: weight."


def test_the_database_itself_refuses_two_canaries(candidate: ModelVersion, approver: Actor, import_one: Import) -> None:
    third = import_one(flavour=3.0).version
    version_set_canary(**given(approver, share=0.1))

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=third.pk).update(status="canary")
    assert Decision.objects.filter(action="set_canary").count() == 1
