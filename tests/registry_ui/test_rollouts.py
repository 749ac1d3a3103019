"""Rollouts by themselves: steps that a plan approves, harm that is undone, and nothing that goes back and forth."""

from typing import Any

import pytest

from predictions.models import BundleFault, Deployment
from registry_ui.errors import FourEyesRefused, InvalidPlan, PermissionRefused, Troubled, WrongState
from registry_ui.models import AuditEntry, Decision, ModelVersion, Notification, VersionTrial
from registry_ui.selectors import automatic_hold
from registry_ui.services.access import Actor
from registry_ui.services.canaries import canary_end, version_set_canary
from registry_ui.services.decisions import version_approve, version_ask_again, version_reject
from registry_ui.services.rollouts import rollouts_look
from registry_ui.services.trials import CanaryPlan, canary_pause, canary_plan_set, canary_resume
from tests.registry_ui.conftest import Import, generation
from tests.registry_ui.traffic import Clock, told, traffic

pytestmark = pytest.mark.django_db
PLAN = CanaryPlan(steps=(0.05, 0.5), step_minutes=10, minimum_requests=100, promote=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def candidate(clock: Clock, import_one: Import) -> ModelVersion:
    """Version 2, whose champion has served for two hours and failed nobody."""
    import_one()
    clock.forward(hours=1)
    traffic(1, 20_000)
    told(1, 180, 20)
    clock.forward(hours=1)
    return import_one(flavour=2.0).version


def given(actor: Actor, number: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "model": "fruit",
        "number": number,
        "actor": actor,
        "reason": "try it",
        "expected_generation": generation(),
        **more,
    }


def serving() -> tuple[int | None, int | None, float | None]:
    row = Deployment.objects.get(model="fruit")
    return row.champion_version, row.canary_version, row.canary_share


def trial(kind: str = "canary") -> VersionTrial:
    return VersionTrial.objects.filter(kind=kind).latest("pk")


def minutes(clock: Clock, count: int, champion: dict[str, int], canary: dict[str, int] | None = None) -> None:
    """So many minutes of the same traffic, looked at in each."""
    for _ in range(count):
        clock.forward(minutes=1)
        traffic(serving()[0] or 0, **champion)
        if canary and (number := serving()[1]):
            traffic(number, route="canary", **canary)
        rollouts_look()


def test_a_canary_that_does_no_harm_goes_from_step_to_step_and_is_promoted_by_its_plan(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_set_canary(**given(approver, plan=PLAN))
    assert serving() == (1, 2, 0.05)
    minutes(clock, 9, {"calls": 200}, {"calls": 11})
    assert trial().says == "9 of 10 minutes and 99 of 100 requests at this share; then 50 % of the entities."
    minutes(clock, 1, {"calls": 200}, {"calls": 11})
    assert serving() == (1, 2, 0.5)
    minutes(clock, 10, {"calls": 100}, {"calls": 100})
    assert serving() == (2, None, None)

    set_by, raised, promoted = Decision.objects.filter(version=candidate).order_by("id")
    assert set_by.evidence["plan"]["steps"] == [0.05, 0.5]
    assert [(one.action, one.actor) for one in (raised, promoted)] == [
        ("set_canary", "system:canary"), ("promote_canary", "system:canary"),
    ]  # fmt: skip
    assert raised.evidence["trial"]["signals"]["errors"]["tested"]["rows"] == 110
    assert "plan of olga" in promoted.reason
    assert trial().state == "passed"
    rollouts_look()
    assert (trial("champion").version, trial("champion").beside, trial("champion").state) == (2, 1, "running")


def test_time_alone_and_requests_alone_raise_nothing(clock: Clock, candidate: ModelVersion, approver: Actor) -> None:
    version_set_canary(**given(approver, plan=PLAN))
    minutes(clock, 30, {"calls": 50}, {"calls": 1})
    assert serving() == (1, 2, 0.05)
    version_set_canary(**given(approver, share=0.2))  # by hand: the step begins anew
    minutes(clock, 2, {"calls": 5000}, {"calls": 5000})
    assert serving() == (1, 2, 0.2)
    minutes(clock, 9, {"calls": 50}, {"calls": 1})
    assert serving() == (1, 2, 0.5)


@pytest.mark.parametrize(
    ("harm", "signal"), [({"calls": 10, "failed": 10}, "errors"), ({"calls": 10, "slow": 10}, "slow")]
)
def test_a_canary_that_does_harm_is_ended_with_the_figures_and_waits_for_a_person(
    clock: Clock, candidate: ModelVersion, approver: Actor, harm: dict[str, int], signal: str, settings: Any
) -> None:
    settings.NOTIFY_WEBHOOK_URL = "http://127.0.0.1:9/"
    version_set_canary(**given(approver, plan=PLAN))
    minutes(clock, 2, {"calls": 190}, harm)

    assert serving() == (1, None, None)
    ended = Decision.objects.get(action="end_canary")
    assert (ended.actor, ended.evidence["trial"]["signal"]) == ("system:canary", signal)
    assert ended.evidence["trial"]["signals"][signal]["tested"]["mean"] == 1.0
    assert AuditEntry.objects.filter(actor="system:canary", action="version.end_canary").exists()
    assert Notification.objects.filter(key=f"decided:{ended.pk}").exists()
    assert (trial().state, trial().says) == ("stopped", ended.reason.removeprefix("Worse than version 1: "))
    with pytest.raises(Troubled):
        version_set_canary(**given(approver, share=0.1))


def test_swapped_labels_end_a_canary_once_callers_tell_the_true_ones(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_set_canary(**given(approver, share=0.5))
    for _ in range(10):
        told(1, 18, 2)
        told(2, 2, 18, route="canary")
        minutes(clock, 1, {"calls": 20}, {"calls": 20})
    assert serving() == (1, None, None)
    ended = Decision.objects.get(action="end_canary")
    assert ended.evidence["trial"]["signal"] == "wrong"
    assert "of the champion's, 10.00% of" in ended.reason


def test_a_new_champion_that_does_harm_is_rolled_back_and_nothing_moves_until_a_person_decides(
    clock: Clock, candidate: ModelVersion, approver: Actor, import_one: Import
) -> None:
    version_approve(**given(approver))
    clock.forward(seconds=5)
    minutes(clock, 1, {"calls": 400, "failed": 40})
    assert serving() == (1, None, None)
    decision = Decision.objects.get(action="roll_back")
    assert (decision.actor, decision.version.number) == ("system:rollback", 1)
    assert decision.evidence["trial"]["signal"] == "errors"

    again = import_one(flavour=3.0, mode="auto", verdict="promote")
    assert again.decision is None
    assert "nothing moves by itself until a person has decided" in again.version.approvals.get().policy_says
    version_approve(**given(approver, 3))
    assert automatic_hold(model="fruit", cool_down_hours=0) is None
    assert automatic_hold(model="fruit", cool_down_hours=24) is not None
    fourth = import_one(flavour=4.0, mode="auto", verdict="promote")
    assert "nothing is promoted by itself until 2026-11-03" in fourth.version.approvals.get().policy_says


def test_a_version_that_was_rolled_back_from_waits_again_once_somebody_asks_and_a_decision_ends_the_hold(
    clock: Clock, candidate: ModelVersion, approver: Actor, requester: Actor
) -> None:
    version_approve(**given(approver))
    clock.forward(seconds=5)
    minutes(clock, 1, {"calls": 400, "failed": 40})
    with pytest.raises(WrongState, match="cannot be rejected") as refusal:
        version_reject(**given(approver))
    assert refusal.value.advice == "Roll back to it, or ask for a decision about it first."

    version_ask_again(**given(requester))
    candidate.refresh_from_db()
    assert (candidate.status, candidate.stage) == ("waiting", "Staging")
    assert automatic_hold(model="fruit", cool_down_hours=0) is not None, "who asks has not decided"
    with pytest.raises(Troubled):
        version_set_canary(**given(approver, share=0.1))
    version_reject(**given(approver))
    assert automatic_hold(model="fruit", cool_down_hours=0) is None
    assert serving() == (1, None, None)


@pytest.mark.parametrize(("harm", "signal"), [("slow", "slow"), ("wrong", "wrong"), ("not_loaded", "not_loaded")])
def test_a_new_champion_goes_for_slow_answers_wrong_decisions_and_a_bundle_that_cannot_be_loaded(
    clock: Clock, candidate: ModelVersion, approver: Actor, harm: str, signal: str
) -> None:
    version_approve(**given(approver))
    clock.forward(minutes=2)
    if harm == "slow":
        traffic(2, 200, slow=60)
    elif harm == "wrong":
        told(2, 10, 40)
    else:
        BundleFault.objects.create(
            process="web:1", bundle=candidate.bundle_hash, model="fruit", message="A golden sample…", seen_at=clock.at
        )
    rollouts_look()
    assert serving() == (1, None, None)
    assert Decision.objects.get(action="roll_back").evidence["trial"]["signal"] == signal


def test_a_store_that_does_not_answer_takes_no_champion_back(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_approve(**given(approver))
    clock.forward(minutes=2)
    BundleFault.objects.create(
        process="web:1",
        bundle=candidate.bundle_hash,
        model="fruit",
        message="Not copied…",
        copied=False,
        seen_at=clock.at,
    )
    rollouts_look()
    assert serving()[0] == 2


def test_as_many_errors_as_the_version_before_had_are_no_reason(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    traffic(1, 20_000, failed=800)
    clock.forward(minutes=1)
    version_approve(**given(approver))
    minutes(clock, 60, {"calls": 200, "failed": 4})
    assert serving()[0] == 2
    clock.forward(hours=24)
    rollouts_look()
    assert (trial("champion").state, serving()[0]) == ("passed", 2)


def test_the_rollout_may_leave_it_to_people_and_tells_them_once(
    clock: Clock, candidate: ModelVersion, approver: Actor, settings: Any
) -> None:
    settings.NOTIFY_WEBHOOK_URL = "http://127.0.0.1:9/"
    candidate.recommendation["rollout"] = {"automatic_rollback": False}
    candidate.save()
    version_set_canary(**given(approver, share=0.1))
    minutes(clock, 3, {"calls": 190}, {"calls": 10, "failed": 10})
    assert (serving(), trial().state) == ((1, 2, 0.1), "held")
    assert Notification.objects.filter(event="trial_held").count() == 1


def test_the_third_roll_back_in_a_day_is_a_persons(
    clock: Clock, candidate: ModelVersion, approver: Actor, import_one: Import
) -> None:
    for number in (2, 3, 4):
        if number > 2:
            import_one(flavour=float(number))
        version_approve(**given(approver, number))
        clock.forward(seconds=30)
        minutes(clock, 2, {"calls": 100, "failed": 100})
        clock.forward(hours=1)
    assert Decision.objects.filter(actor="system:rollback").count() == 2
    assert serving()[0] == 4
    assert trial("champion").state == "held"
    assert "2 times in 24 hours" in trial("champion").says


def test_a_frozen_step_waits_and_a_plan_that_does_not_promote_asks_a_person(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    freeze = {"from": "mon 11:20", "to": "mon 12:00"}
    version_set_canary(**given(approver, plan=CanaryPlan(steps=(0.05, 0.5), step_minutes=5, minimum_requests=10)))
    candidate.refresh_from_db()
    candidate.recommendation["promotion"]["freeze"] = [freeze]
    candidate.save()
    clock.at = clock.at.replace(hour=11, minute=21)
    minutes(clock, 2, {"calls": 50}, {"calls": 50})
    assert serving() == (1, 2, 0.05)
    assert "freeze" in trial().says
    clock.at = clock.at.replace(hour=12, minute=1)
    minutes(clock, 8, {"calls": 50}, {"calls": 50})
    assert (serving(), trial().state) == ((1, 2, 0.5), "held")
    minutes(clock, 3, {"calls": 50}, {"calls": 50, "failed": 50})
    assert serving() == (1, None, None), "who waits for a person is watched all the same"


def test_people_plan_pause_and_go_on_and_each_is_an_audit_row(
    clock: Clock, candidate: ModelVersion, approver: Actor, requester: Actor
) -> None:
    version_set_canary(**given(approver, share=0.05))
    with pytest.raises(WrongState):
        canary_pause(**given(approver))
    with pytest.raises(PermissionRefused):
        canary_plan_set(**given(requester, plan=PLAN))
    with pytest.raises(InvalidPlan):
        canary_plan_set(**given(approver, plan=CanaryPlan(steps=(0.5, 0.1))))
    canary_plan_set(**given(approver, plan=PLAN))
    canary_pause(**given(approver))
    minutes(clock, 15, {"calls": 50}, {"calls": 50})
    assert serving() == (1, 2, 0.05)
    canary_resume(**given(approver))
    minutes(clock, 10, {"calls": 50}, {"calls": 50})
    assert serving() == (1, 2, 0.5)
    actions = (
        AuditEntry.objects.filter(action__startswith="canary.").order_by("sequence").values_list("action", flat=True)
    )
    assert list(actions) == ["canary.plan", "canary.pause", "canary.resume"]


def test_who_asked_for_a_version_does_not_plan_how_far_it_goes(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_set_canary(**given(Actor.operator("other"), share=0.05))
    candidate.approvals.update(requested_by=approver.name)
    with pytest.raises(FourEyesRefused):
        canary_plan_set(**given(approver, plan=PLAN))


def test_a_canary_that_a_person_ends_is_no_longer_looked_at(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_set_canary(**given(approver, plan=PLAN))
    canary_end(**given(approver))
    assert rollouts_look() == 1
    assert trial().state == "ended"
    assert rollouts_look() == 0
