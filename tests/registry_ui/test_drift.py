"""Drift through the real service: logged traffic against kept held-out rows, in a task, as a report."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from predictions.models import Deployment, Feedback, Prediction
from registry_ui.errors import PermissionRefused, WrongState
from registry_ui.models import (
    BackgroundTask,
    DriftReport,
    ModelPolicy,
    ModelVersion,
    Notification,
    PipelineRun,
    Trigger,
)
from registry_ui.services import drift as service
from registry_ui.services.access import Actor
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.drift import drift_request, drift_schedule
from registry_ui.services.drift_files import drift_page_fetch
from registry_ui.services.drift_window import reference_prepared
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.drifting import (
    evaluated,
    import_sentiment,
    log_rows,
    log_texts,
    sentiment,
    tweet_texts,
    undrifted_texts,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def champion(tmp_path: Path) -> ModelVersion:
    return import_sentiment(tmp_path / "candidate")


@pytest.fixture
def unillustrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Evidently's page, which takes seconds to import and has a test of its own."""
    monkeypatch.setattr(service, "_page", lambda *_: "")


def alarms(report: DriftReport) -> set[str]:
    return {one["kind"] for one in report.statistics if one["alarms"]}


def test_tweets_for_reviews_are_drift_within_one_evaluation_of_500_rows(champion: ModelVersion) -> None:
    log_texts(champion, tweet_texts(500))

    report = evaluated()

    assert (report.state, report.rows, report.rows_with_inputs) == ("drifted", 500, 500)
    assert alarms(report) >= {"vocabulary", "length", "classifier"}
    assert report.statistics[0]["alarms"], "what alarms comes first"
    [accuracy, *_] = report.estimates
    assert accuracy["metric"] == "accuracy"
    assert accuracy["low"] <= accuracy["value"] < accuracy["reference"]
    page = drift_page_fetch(report.html)
    assert b"<html" in page[:2_000].lower()
    assert tweet_texts(1)[0].encode() not in page, "the page has shares, not what callers sent"


def test_reviews_like_the_held_out_ones_are_none(champion: ModelVersion, unillustrated: None) -> None:
    log_texts(champion, undrifted_texts(500))

    report = evaluated()

    assert (report.state, alarms(report)) == ("steady", set())
    assert report.effective_rows == 500
    assert {one["kind"] for one in report.statistics} == {
        "missing", "length", "vocabulary", "unknown", "classifier", "labels", "probability", "expected_accuracy",
    }  # fmt: skip


def test_the_champions_own_traffic_alone_is_the_window(champion: ModelVersion, unillustrated: None) -> None:
    log_texts(champion, undrifted_texts(300))
    log_texts(champion, tweet_texts(300), route="canary")
    log_texts(champion, tweet_texts(300), route="shadow")

    report = evaluated()

    assert (report.state, report.rows) == ("steady", 300)


def test_the_newest_rows_are_the_window(tmp_path: Path, unillustrated: None) -> None:
    champion = import_sentiment(tmp_path / "candidate", monitoring={"window_rows": 300})
    log_texts(champion, tweet_texts(300), at=timezone.now() - timedelta(days=1))
    log_texts(champion, undrifted_texts(300))

    report = evaluated()

    assert (report.state, report.rows) == ("steady", 300)
    assert report.window_from is not None
    assert report.window_from > timezone.now() - timedelta(hours=1)


def test_too_few_rows_are_an_answer_of_their_own(champion: ModelVersion) -> None:
    assert evaluated().state == "insufficient"
    log_texts(champion, tweet_texts(199))

    report = evaluated()

    assert (report.state, report.rows, report.minimum_rows, report.statistics) == ("insufficient", 199, 200, [])


def test_a_version_whose_held_out_rows_are_not_kept_says_so(champion: ModelVersion) -> None:
    ModelVersion.objects.update(scores_hash="", rows_hash="")
    log_texts(champion, tweet_texts(200))

    assert evaluated().state == "no_reference"


@pytest.mark.parametrize("kept", [0, 199])
def test_without_kept_inputs_answers_alone_are_compared(champion: ModelVersion, unillustrated: None, kept: int) -> None:
    log_texts(champion, undrifted_texts(300), keep=False)
    log_texts(champion, undrifted_texts(kept, seed=1))

    report = evaluated()

    assert (report.state, report.rows_with_inputs) == ("steady", kept)
    assert {one["kind"] for one in report.statistics} == {"labels", "probability", "expected_accuracy"}


def test_answers_that_move_are_drift_without_any_input(champion: ModelVersion, unillustrated: None) -> None:
    answer = {"inputs": None, "label": "positive", "probability": 0.97, "threshold": 0.5}
    log_rows(champion, [answer] * 300)

    assert alarms(evaluated()) == {"labels", "probability"}


def test_known_labels_that_are_worse_than_held_out_are_drift_of_performance(
    champion: ModelVersion, unillustrated: None
) -> None:
    texts = undrifted_texts(400)
    ids = log_texts(champion, texts)
    bundle, _, _ = sentiment()
    answers = bundle.predict(bundle.validate([{"text": text} for text in texts]))
    others = {"positive": "negative", "negative": "positive"}
    for place, (prediction, answer) in enumerate(zip(ids[:200], answers, strict=False)):
        told = others[answer.label] if place % 2 else answer.label
        Feedback.objects.create(prediction_id=prediction, model="sentiment", label=told, updated_at=timezone.now())

    report = evaluated()

    assert alarms(report) == {"live_performance"}
    assert report.live is not None
    assert (report.live["metric"], report.live["rows"], report.live["value"]) == ("accuracy", 200, 0.5)
    assert report.live["high"] < report.live["reference"]


def test_few_labels_judge_accuracy_in_the_place_of_f1_and_labels_of_no_model_are_left_out(
    champion: ModelVersion, unillustrated: None, client: Client
) -> None:
    ModelVersion.objects.update(recommendation={**champion.recommendation, "promotion": {"metric": "f1"}})
    ids = log_texts(champion, undrifted_texts(300))
    answered = Prediction.objects.in_bulk(ids)
    for place, prediction in enumerate(one for one in ids if answered[one].label == "positive"):
        told = "positive" if place < 60 else "another"
        Feedback.objects.create(prediction_id=prediction, model="sentiment", label=told, updated_at=timezone.now())

    report = evaluated()

    assert report.live is not None
    assert (report.live["metric"], report.live["instead_of"]) == ("accuracy", "f1")
    assert report.live["rows"] == 60 < Feedback.objects.count()
    client.force_login(member("lou", "approvers"))
    page = client.get(reverse("admin:registry_ui_driftreport_change", args=[report.pk])).content.decode()
    assert "It stands for F1, which these labels cannot judge." in page


def test_an_episode_is_told_once_and_again_after_it_has_ended(
    champion: ModelVersion, unillustrated: None, settings: Settings
) -> None:
    settings.NOTIFY_WEBHOOK_URL = "http://127.0.0.1:9/"
    told = []
    for texts in (tweet_texts(300), tweet_texts(300), undrifted_texts(300), [], tweet_texts(300)):
        champion_answers_forget()
        log_texts(champion, texts)
        evaluated()
        told.append(Notification.objects.filter(event="drifted").count())

    assert told == [1, 1, 1, 1, 2]
    message = Notification.objects.filter(event="drifted").latest("id").message
    assert message["text"].startswith("The traffic of sentiment version 1 has drifted: ")
    assert (message["model"], message["version"], message["rows"]) == ("sentiment", 1, 300)


def champion_answers_forget() -> None:
    from predictions.models import Prediction

    Prediction.objects.all().delete()


@pytest.mark.parametrize("asked_for", [True, False])
def test_drift_starts_a_run_where_the_policy_asks_for_it_and_not_again_while_it_cools_down(
    champion: ModelVersion, unillustrated: None, asked_for: bool
) -> None:
    ModelPolicy.objects.update_or_create(model="sentiment", defaults={"retraining": {"on_drift": asked_for}})
    log_texts(champion, tweet_texts(300))
    for _ in range(2):
        evaluated()
        PipelineRun.objects.update(state="failed")

    runs = PipelineRun.objects.filter(model="sentiment", trigger=Trigger.DRIFT)
    assert [run.trigger_detail for run in runs] == (
        [f"drift report {DriftReport.objects.earliest('id').pk}"] if asked_for else []
    )


def test_an_evaluation_that_fails_is_a_report_as_well(champion: ModelVersion) -> None:
    log_texts(champion, tweet_texts(200))
    storages["bundles"].delete(f"evidence/{champion.scores_hash}.parquet")
    reference_prepared.cache_clear()

    task = drift_request(model="sentiment", actor=Actor.operator("test"))
    task_execute(task_id=task.pk, kinds=KINDS)

    task.refresh_from_db()
    report = DriftReport.objects.get()
    assert (task.state, report.state) == ("failed", "failed")
    assert "is missing" in report.error
    assert report.error == task.error


def test_it_is_due_when_its_time_is_over_and_callers_have_asked_since(
    champion: ModelVersion, unillustrated: None
) -> None:
    assert drift_schedule() == []
    log_texts(champion, undrifted_texts(200))
    assert drift_schedule() == ["sentiment"]
    evaluated()
    assert drift_schedule() == []

    DriftReport.objects.update(created_at=timezone.now() - timedelta(hours=7))
    assert drift_schedule() == []
    log_texts(champion, undrifted_texts(1), at=timezone.now() + timedelta(minutes=1))
    assert drift_schedule() == ["sentiment"]
    assert BackgroundTask.objects.latest("created_at").requested_by == "system:drift"


def test_a_model_that_is_watched_on_demand_is_never_due(tmp_path: Path) -> None:
    champion = import_sentiment(tmp_path / "candidate", monitoring={"every_hours": None})
    log_texts(champion, undrifted_texts(200))

    assert drift_schedule() == []


def test_the_oldest_reports_and_their_pages_go(champion: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REPORTS_KEPT", 3)
    monkeypatch.setattr(service, "PAGES_KEPT", 1)
    pages = iter(b"abcd")
    monkeypatch.setattr(service, "_page", lambda *_: service.drift_page_keep(bytes([next(pages)])))
    log_texts(champion, undrifted_texts(200))

    for _ in range(4):
        evaluated()

    assert [bool(report.html) for report in DriftReport.objects.order_by("-id")] == [True, False, False]
    assert len(storages["bundles"].listdir("drift")[1]) == 1


def test_asking_needs_the_permission_to_request_and_something_that_serves(
    champion: ModelVersion, requester: Actor
) -> None:
    with pytest.raises(PermissionRefused):
        drift_request(model="sentiment", actor=Actor.person(member("guest")))
    assert drift_request(model="sentiment", actor=requester) == drift_request(model="sentiment", actor=requester)
    deployment_ensure(model="idle")
    with pytest.raises(WrongState):
        drift_request(model="idle", actor=requester)


def test_a_table_has_its_statistics_by_field(import_one: Import, unillustrated: None) -> None:
    version = import_one(held_out=True).version
    answer = {"label": "yes", "probability": 0.99, "threshold": 0.5}
    log_rows(version, [{**answer, "inputs": {"weight": 15.0 + row % 5, "colour": "blue"}} for row in range(200)])

    report = evaluated("fruit")

    assert Deployment.objects.get(model="fruit").champion_version == 1
    found = {(one["kind"], one["field"]): one for one in report.statistics}
    assert found["distribution", "colour"]["value"] == pytest.approx(1.0)
    assert found["distribution", "weight"]["value"] > 0.5
