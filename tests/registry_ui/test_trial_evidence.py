"""What counts as evidence for and against a version on trial, however short its record and however long the trial."""

import pytest

from predictions.models import Feedback, Prediction
from predictions.version_counts import counts_forget
from registry_ui.models import ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.canaries import version_set_canary
from registry_ui.services.decisions import version_approve
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
    assert (wrong["tested"], wrong["most_tested"]) == ([70, 9], [70, 10])
    assert evidence_of(wrong) < 0.0
