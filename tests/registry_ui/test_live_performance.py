"""What answers turned out to be: counted once whatever happens, shown beside the held-out values."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from math import isnan

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from predictions.models import Deployment, Feedback
from registry_ui.admin.watching import performance_charts
from registry_ui.models import LabelledDay, ModelVersion
from registry_ui.selectors import live_accuracies, live_performance
from registry_ui.services.feedback import feedback_give
from registry_ui.services.live_performance import performance_count
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.labelled import answered, labelled, noon, told
from tests.registry_ui.test_api import calling

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 20)
RIGHT, WRONG = ("yes", "yes"), ("yes", "no")


@pytest.fixture
def champion(import_one: Import) -> ModelVersion:
    return import_one(held_out=True).version


def counts(day: int) -> object:
    return LabelledDay.objects.get(model="fruit", day=date(2026, 11, day)).counts


def test_labels_are_counted_by_the_day_of_the_answer_and_by_version(champion: ModelVersion) -> None:
    labelled([RIGHT, RIGHT, WRONG, ("no", "no")], at=noon(3))
    labelled([RIGHT], at=noon(3), version=2)
    labelled([WRONG], at=noon(4))
    labelled([RIGHT], at=noon(4), route="shadow")
    answered(at=noon(4))

    assert performance_count() == 7
    assert counts(3) == {"1": {"yes": {"yes": 2, "no": 1}, "no": {"no": 1}}, "2": {"yes": {"yes": 1}}}
    assert counts(4) == {"1": {"yes": {"no": 1}}}, "a shadow answered nobody, and one answer has no label"
    with CaptureQueriesContext(connection) as queries:
        assert performance_count() == 0
    assert len(queries) == 2, "nothing new costs a look"


def test_a_label_that_changes_or_comes_late_is_counted_anew(champion: ModelVersion) -> None:
    anna, prediction = member("anna"), answered(at=noon(3), bundle=champion.bundle_hash)
    feedback_give(prediction_id=prediction.pk, label="yes", caller=anna)
    performance_count()
    feedback_give(prediction_id=prediction.pk, label="no", caller=anna)
    assert performance_count() == 1
    assert counts(3) == {"1": {"yes": {"no": 1}}}
    feedback_give(prediction_id=prediction.pk, label="no", caller=anna)
    assert performance_count() == 0, "the same again changes nothing"


def test_what_is_not_in_the_log_yet_waits(champion: ModelVersion) -> None:
    told(answered(at=noon(3)), "yes", model="")
    assert performance_count() == 0
    Feedback.objects.update(model="fruit")
    assert performance_count() == 1


def test_the_edges_of_a_day_belong_to_it(champion: ModelVersion) -> None:
    midnight = datetime(2026, 11, 3, tzinfo=UTC)
    for at in (midnight, midnight + timedelta(hours=24) - timedelta(microseconds=1)):
        labelled([RIGHT], at=at)
    performance_count()
    assert counts(3) == {"1": {"yes": {"yes": 2}}}
    assert LabelledDay.objects.count() == 1


def test_each_version_has_its_figures_by_period_beside_the_held_out_ones(champion: ModelVersion) -> None:
    labelled([RIGHT] * 8 + [WRONG] * 2, at=noon(3))
    labelled([RIGHT] * 5 + [("no", "yes")] * 5, at=noon(5))
    performance_count()

    shown = live_performance(model="fruit", today=TODAY)

    (version,) = shown.versions
    assert (shown.step, version.number, version.total.labels) == ("day", 1, 20)
    assert version.held_out["accuracy"] == champion.metrics["accuracy"]
    assert [(one.start.day, one.labels) for one in version.periods] == [(3, 10), (5, 10)]
    assert [one.metrics["accuracy"].value for one in version.periods] == [0.8, 0.5]
    assert version.total.metrics["precision"].value == pytest.approx(13 / 15)
    assert version.total.metrics["recall"].value == pytest.approx(13 / 18)
    assert version.total.metrics["expected_cost"].value == pytest.approx(7 / 20)


def test_many_weeks_are_shown_by_week(champion: ModelVersion) -> None:
    for day in (1, 2, 30):
        labelled([RIGHT], at=noon(day, month=10))
    labelled([RIGHT], at=noon(18))
    performance_count()
    shown = live_performance(model="fruit", today=TODAY)
    assert shown.step == "week"
    starts = [(one.start.isoformat(), one.labels) for one in shown.versions[0].periods]
    assert starts == [("2026-09-28", 2), ("2026-10-26", 1), ("2026-11-16", 1)]


def test_the_overview_has_the_last_month_of_the_champion(champion: ModelVersion) -> None:
    labelled([RIGHT] * 3 + [WRONG], at=noon(3))
    labelled([WRONG] * 9, at=noon(3), version=7)
    labelled([WRONG] * 9, at=noon(3, month=9))
    performance_count()
    (live,) = live_accuracies(deployments=list(Deployment.objects.all()), today=TODAY).values()
    assert (live.version, live.labels, live.accuracy.value) == (1, 4, 0.75)
    assert live.held_out == champion.metrics["accuracy"]["value"]


def test_few_right_answers_promise_no_f1_and_no_absence_of_cost(champion: ModelVersion) -> None:
    labelled([("no", "no")] * 10, at=noon(3))
    performance_count()

    (version,) = live_performance(model="fruit", today=TODAY).versions
    body = calling(member("lou", "requesters")).get("/api/v1/models/fruit/performance").json()

    accuracy, cost = version.total.metrics["accuracy"], version.total.metrics["expected_cost"]
    assert (accuracy.value, cost.value, cost.low) == (1.0, 0.0, 0.0)
    assert cost.high == pytest.approx(1 - accuracy.low) == pytest.approx(0.2775, abs=1e-4)
    assert isnan(version.total.metrics["f1"].value)
    assert "f1" not in body["versions"][0]["total"]["metrics"]
    assert any("none in all" in one.description for one in performance_charts(live_performance(model="fruit")))


def test_a_model_without_labels_has_no_figures(champion: ModelVersion) -> None:
    assert live_performance(model="fruit").versions == []
    assert live_accuracies(deployments=list(Deployment.objects.all())) == {}


def test_the_api_tells_it_to_who_may_look_at_the_model(champion: ModelVersion) -> None:
    labelled([("no", "no"), ("no", "yes")], at=timezone.now())
    performance_count()
    address = "/api/v1/models/fruit/performance"
    body = calling(member("lou", "requesters")).get(address).json()
    (version,) = body["versions"]
    assert (body["model"], body["step"], version["version"]) == ("fruit", "day", 1)
    assert version["total"]["labels"] == 2
    accuracy = version["total"]["metrics"]["accuracy"]
    assert accuracy["value"] == 0.5
    assert accuracy["low"] < 0.5 < accuracy["high"]
    assert "precision" not in version["total"]["metrics"], "nothing was answered yes: it is undefined"
    assert version["held_out"]["accuracy"]["value"] == champion.metrics["accuracy"]["value"]
    assert calling(member("guest")).get(address).status_code == 403
    assert calling(member("kim", "requesters")).get("/api/v1/models/none/performance").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_labels_that_change_while_two_workers_count_are_right_in_the_end(import_one: Import) -> None:
    bundle = import_one().version.bundle_hash
    rows, anna = [answered(at=noon(3), bundle=bundle) for _ in range(10)], member("anna")

    def relabel(turn: int) -> None:
        for row in rows:
            feedback_give(prediction_id=row.pk, label=("yes", "no")[turn % 2], caller=anna)
        connection.close()

    def count(_: int) -> None:
        performance_count()
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(step, turn) for turn in range(6) for step in (relabel, count)]
        for one in work:
            one.result()
    performance_count()
    truth = Counter(Feedback.objects.values_list("label", flat=True))
    assert counts(3) == {"1": {"yes": dict(truth)}}
