"""What could be done about a model: computed by a worker from labelled answers, said in words, done by one click."""

import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from predictions.models import Deployment, Feedback, Prediction
from registry_ui.errors import PermissionRefused
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.live_performance import performance_count
from registry_ui.services.proposals import EVERY, proposals_refresh, proposals_request
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.labelled import answered, labelled, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def champion(import_one: Import) -> ModelVersion:
    return import_one(held_out=True).version


def tell_many(champion: ModelVersion, rows: int = 150) -> None:
    """Answers decided at 0.5 whose true label turns at 0.7."""
    source = random.Random(1)  # noqa: S311 - data for a test
    for _ in range(rows):
        probability = source.random()
        answer = "yes" if probability >= 0.5 else "no"
        row = answered(answer, probability=probability, bundle=champion.bundle_hash, at=timezone.now())
        told(row, "yes" if probability >= 0.7 else "no")


def computed(requester: Actor) -> dict[str, Any]:
    task = proposals_request(model="fruit", actor=requester)
    task_execute(task_id=task.pk, kinds=KINDS)
    task.refresh_from_db()
    assert (task.state, task.error) == ("succeeded", "")
    return dict(task.result)


def model_page(client: Client) -> str:
    address = reverse("admin:predictions_deployment_change", args=[Deployment.objects.get(model="fruit").pk])
    return client.get(address).content.decode()


def test_a_better_threshold_is_proposed_with_its_gain_and_is_one_click_away(
    champion: ModelVersion, requester: Actor, client: Client
) -> None:
    tell_many(champion)
    found = computed(requester)
    assert found["retune"]["threshold"] == pytest.approx(0.7, abs=0.02)
    assert found["retune"]["low"] > 0
    assert (found["labels"], found["new_labels"], found["retune"]["own"]) == (150, 150, 0.5)

    client.force_login(requester.user)  # type: ignore[arg-type]
    text = model_page(client)
    assert "Make a candidate of it" in text
    address = reverse("admin:predictions_deployment_retune", args=[Deployment.objects.get(model="fruit").pk])
    given = {"threshold": repr(found["retune"]["threshold"]), "number": 1, "labels": 150}
    answer = client.post(address, given, follow=True)
    assert f"A candidate that decides at {found['retune']['threshold']:.4g}" in answer.content.decode()
    task = BackgroundTask.objects.get(kind="threshold")
    assert task.asked == {
        "version": 1, "threshold": found["retune"]["threshold"], "reason": "Re-tuned on 150 labelled answers.",
    }  # fmt: skip


def test_another_calibration_is_one_click_away_where_the_probabilities_are_off(
    champion: ModelVersion, requester: Actor, client: Client
) -> None:
    tell_many(champion)
    found = computed(requester)["recalibrate"]
    assert found["high"] < 0, "Brier's score falls"

    client.force_login(requester.user)  # type: ignore[arg-type]
    deployment = Deployment.objects.get(model="fruit")
    address = reverse("admin:predictions_deployment_recalibrate", args=[deployment.pk])
    page = model_page(client)
    assert address in page
    assert repr(found["slope"]) in page
    given = {"slope": repr(found["slope"]), "intercept": repr(found["intercept"]), "number": 1, "labels": 150}
    answer = client.post(address, given, follow=True)
    assert "other probabilities and the same decisions" in answer.content.decode()
    assert BackgroundTask.objects.get(kind="recalibration").asked == {
        "version": 1, "slope": found["slope"], "intercept": found["intercept"],
        "reason": "Recalibrated on 150 labelled answers.",
    }  # fmt: skip


def test_too_few_labels_say_how_many_are_needed(champion: ModelVersion, requester: Actor) -> None:
    tell_many(champion, rows=20)
    found = computed(requester)
    assert (found["retune"], found["recalibrate"]) == (None, None)
    assert "20 labelled answers of version 1 are known" in found["why"]


def test_labels_of_other_versions_of_shadows_and_of_long_ago_do_not_count(
    champion: ModelVersion, requester: Actor
) -> None:
    labelled([("yes", "yes")], version=2)
    labelled([("yes", "yes")], route="shadow")
    labelled([("yes", "yes")], at=timezone.now() - timedelta(days=100))
    assert computed(requester)["labels"] == 0


def test_they_are_computed_when_labels_came_and_at_most_once_a_day(champion: ModelVersion) -> None:
    assert proposals_refresh() == 0
    labelled([("yes", "no")])
    performance_count()
    assert (proposals_refresh(), proposals_refresh()) == (1, 0)
    task = BackgroundTask.objects.get(kind="proposals")
    task_execute(task_id=task.pk, kinds=KINDS)
    BackgroundTask.objects.update(created_at=timezone.now() - EVERY)
    assert proposals_refresh() == 1, "what was counted came after it"
    task_execute(task_id=BackgroundTask.objects.get(kind="proposals", state="queued").pk, kinds=KINDS)
    BackgroundTask.objects.filter(kind="proposals").update(created_at=timezone.now())
    assert proposals_refresh() == 0, "no label is newer"


def test_retraining_is_proposed_with_what_the_last_trained_versions_gained(
    champion: ModelVersion, import_one: Import, requester: Actor, client: Client
) -> None:
    assert computed(requester)["retrained"] is None, "the first version had no champion to gain over"
    trained: list[tuple[float | None, dict[str, Any]]]
    trained = [(0.03, {}), (None, {}), (-0.01, {}), (0.5, {"derived_from": {"version": 1}})]
    for flavour, (difference, changed) in enumerate(trained, start=2):
        version = import_one(flavour=float(flavour)).version
        version.recommendation["comparison"] = {"metric": "f1", "difference": difference}
        version.lineage |= changed
        version.save()
    assert computed(requester)["retrained"] == {"metric": "f1", "gains": [-0.01, 0.03], "median": pytest.approx(0.01)}
    client.force_login(member("lou", "approvers"))
    words = "the last 2 that were trained changed the F1 of the champion of their time by -0.0100 to +0.0300"
    assert words in model_page(client)


def test_the_page_says_what_is_known_to_who_may_look_and_offers_no_button_to_who_may_not_act(
    champion: ModelVersion, requester: Actor, client: Client
) -> None:
    tell_many(champion)
    computed(requester)
    client.force_login(member("lou", "approvers"))
    text = model_page(client)
    assert "Deciding from 0." in text
    assert "Make a candidate of it" not in text
    with pytest.raises(PermissionRefused):
        proposals_request(model="fruit", actor=Actor.person(member("guest")))


def test_what_was_computed_for_another_version_is_not_shown(
    champion: ModelVersion, requester: Actor, client: Client
) -> None:
    tell_many(champion)
    computed(requester)
    Deployment.objects.update(champion_version=2)
    client.force_login(requester.user)  # type: ignore[arg-type]
    assert "Deciding from 0." not in model_page(client)
    assert Feedback.objects.count() == Prediction.objects.count()
