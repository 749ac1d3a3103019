"""What counts as evidence for and against a version on trial, however short its record and however long the trial."""

from datetime import timedelta
from typing import Any

import pytest

from predictions.models import Feedback, Prediction
from predictions.version_counts import counts_forget
from registry_ui.models import ModelVersion
from registry_ui.selectors import confusion
from registry_ui.services.access import Actor
from registry_ui.services.canaries import version_set_canary
from registry_ui.services.decisions import version_approve
from registry_ui.services.feedback import feedback_keep
from registry_ui.services.rollouts import rollouts_look
from registry_ui.services.trials import CanaryPlan, canary_plan_set
from registry_ui.trial_signals import evidence_of
from tests.registry_ui.conftest import Import
from tests.registry_ui.test_rollouts import candidate, clock, given, serving, trial
from tests.registry_ui.traffic import Clock, told, traffic

pytestmark = pytest.mark.django_db
__all__ = ["candidate", "clock"]  # fixtures


@pytest.mark.parametrize(("recorded", "live"), [(99, 1), (5, 1), (0, 2)])
def test_a_short_record_of_labels_guards_a_new_champion_and_none_at_all_does_not(
    clock: Clock, import_one: Import, approver: Actor, recorded: int, live: int
) -> None:
    import_one()
    told(1, recorded, 0)
    clock.forward(hours=1)
    import_one(flavour=2.0)
    version_approve(**given(approver))
    clock.forward(minutes=2)
    told(2, 0, 100)
    rollouts_look()
    assert serving()[0] == live


def looks(clock: Clock, count: int) -> None:
    """So many times four hours of 3,600 calls to the champion and 400 to the canary, of which 1 % fail."""
    for _ in range(count):
        clock.forward(hours=4)
        traffic(1, 3_600, failed=36)
        traffic(2, 400, route="canary", failed=4)
        rollouts_look()
        counts_forget()


def test_a_canary_that_is_older_than_what_serving_keeps_counts_each_call_once_and_goes_on(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_set_canary(**given(approver, share=0.1))
    looks(clock, 60)
    errors = trial().signals["errors"]
    assert (errors["tested"], errors["beside"]) == ([60 * 396, 60 * 4], [60 * 3_564, 60 * 36])
    assert sum(trial().signals["slow"]["tested"]) == 60 * 396
    canary_plan_set(**given(approver, plan=CanaryPlan(steps=(0.1, 0.5), step_minutes=60, minimum_requests=500)))
    looks(clock, 1)
    assert trial().says == "240 of 60 minutes and 400 of 500 requests at this share; then 50 % of the entities."
    looks(clock, 1)
    assert serving() == (1, 2, 0.5)


def test_after_a_week_in_which_nobody_looked_what_was_seen_stays_and_counting_goes_on(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_set_canary(**given(approver, share=0.1))
    looks(clock, 5)
    before = trial().signals["errors"]["log"]
    clock.forward(days=9)
    counts_forget()
    rollouts_look()
    assert (trial().calls, trial().signals["errors"]["log"]) == (2_000, before)
    looks(clock, 3)
    assert trial().signals["errors"]["tested"] == [8 * 396, 8 * 4]


def test_a_label_that_is_told_to_and_fro_counts_once(clock: Clock, candidate: ModelVersion, approver: Actor) -> None:
    version_set_canary(**given(approver, share=0.5))
    told(1, 90, 10)
    told(2, 70, 9, route="canary")
    of_canary = Prediction.objects.filter(version=2).values("pk")
    one = Feedback.objects.filter(label="yes", prediction_id__in=of_canary)[0]
    for label in ["no", "yes"] * 40:
        Feedback.objects.filter(pk=one.pk).update(label=label)
        clock.forward(seconds=10)
        told(1, 9, 1)
        rollouts_look()
    assert serving() == (1, 2, 0.5)
    wrong = trial().signals["wrong"]
    assert (wrong["tested"], wrong["most"]["1"]["tested"]) == ([70, 9], [70, 10])
    assert evidence_of(wrong) < 0.0


@pytest.mark.parametrize(("label_minutes", "wrong", "live"), [(0, 5, 1), (90, 5, 2), (90, 25, 1)])
def test_where_wrong_labels_come_sooner_than_right_ones_an_equal_version_stays_once_predictions_count_at_one_age(
    clock: Clock, candidate: ModelVersion, approver: Actor, label_minutes: int, wrong: int, live: int
) -> None:
    candidate.recommendation["rollout"] = {"label_minutes": label_minutes}
    candidate.save()
    version_approve(**given(approver))
    for minute in range(0, 240, 10):
        clock.forward(minutes=10)
        told(2, 0, wrong, after=1)
        if minute >= 60:
            told(2, 50 - wrong, 0, after=60)
        rollouts_look()
    assert serving()[0] == live


def test_a_prediction_counts_with_the_label_that_held_when_it_became_old_enough(clock: Clock, db: None) -> None:
    began, hour = clock.at, timedelta(hours=1)
    told(1, 7, 0, after=61)
    late = set(Feedback.objects.values_list("pk", flat=True))
    told(1, 5, 0)
    in_time = Feedback.objects.exclude(pk__in=late).order_by("pk").values_list("pk", flat=True)
    asked: dict[str, Any] = {"model": "fruit", "version": 1, "routes": ["champion"], "since": began - 2 * hour}
    assert confusion(**asked, known_after=hour) == {}, "too late, or too young"

    for minutes, place, label in ((30, 0, "no"), (60, 1, "no"), (61, 2, "no"), (200, 0, "yes"), (500, 3, "no")):
        labels = {in_time[place]: ("fruit", label)}
        feedback_keep(labels=labels, caller="ida", at=began + timedelta(minutes=minutes))
    clock.forward(hours=10)
    assert confusion(**asked, known_after=hour) == {("yes", "no"): 2, ("yes", "yes"): 3}
    assert confusion(**asked) == {("yes", "no"): 3, ("yes", "yes"): 9}


def lists(clock: Clock, count: int, *, worse: int) -> None:
    """Minutes of lists of which a canary at 80 % gets the large parts, which fail more often whoever answers them.

    And some parts of one size, of which the canary fails `worse` times as often.
    """
    for _ in range(count):
        clock.forward(minutes=1)
        traffic(1, 100, failed=4, size=4)
        traffic(2, 100, route="canary", failed=16, size=16)
        traffic(1, 50, failed=4, size=8)
        traffic(2, 50, route="canary", failed=4 * worse, size=8)
        rollouts_look()


@pytest.mark.parametrize(("worse", "canary"), [(1, 2), (3, None)])
def test_a_canary_is_compared_with_calls_of_its_size(
    clock: Clock, candidate: ModelVersion, approver: Actor, worse: int, canary: int | None
) -> None:
    version_set_canary(**given(approver, share=0.8))
    lists(clock, 30, worse=worse)
    assert serving()[1] == canary
    assert trial().signals["errors"]["tested"][1] >= 20 * 5


def test_a_canary_that_breaks_on_small_parts_ends_though_its_champion_has_only_large_ones(
    clock: Clock, candidate: ModelVersion, approver: Actor
) -> None:
    version_set_canary(**given(approver, share=0.05))
    for _ in range(5):
        clock.forward(minutes=1)
        traffic(1, 100, failed=1, size=92)
        traffic(2, 20, route="canary", failed=20, size=5)
        rollouts_look()
    assert serving() == (1, None, None)


@pytest.mark.parametrize(("size", "failed", "live"), [(16, 16, 2), (16, 60, 1), (1, 16, 1), (64, 60, 2)])
def test_a_new_champion_is_held_to_the_record_of_calls_of_its_size(
    clock: Clock, candidate: ModelVersion, approver: Actor, size: int, failed: int, live: int
) -> None:
    """The version before failed nobody who asked with one row, 16 % of lists of sixteen, and had none of 64."""
    traffic(1, 500, failed=80, size=16)
    clock.forward(minutes=1)
    version_approve(**given(approver))
    for _ in range(20):
        clock.forward(minutes=1)
        traffic(2, 100, failed=failed, size=size)
        rollouts_look()
    assert serving()[0] == live
