"""The admin's pages: what an approver sees, and that a button does what it says, once, by POST alone."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from predictions.models import Deployment
from registry_ui.models import AuditEntry, BackgroundTask, Decision, ModelVersion, PipelineRun, Trigger
from registry_ui.selectors import schedules_of
from registry_ui.services.access import Actor
from registry_ui.services.decisions import version_approve
from registry_ui.services.runs import run_request
from tests.registry_ui.conftest import Import, generation, live, member

pytestmark = pytest.mark.django_db


def page(row: object) -> str:
    meta = row._meta  # type: ignore[attr-defined]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])  # type: ignore[attr-defined]


def act(row: object, action: str) -> str:
    return page(row).replace("change/", f"{action}/")


@pytest.fixture
def candidate(import_one: Import) -> ModelVersion:
    """Version 2 waits, version 1 is live."""
    import_one()
    return import_one(flavour=2.0, verdict="promote", accuracy=0.93).version


@pytest.fixture
def approving(approver: Actor, client: Client) -> Client:
    assert approver.user is not None
    client.force_login(approver.user)
    return client


@pytest.fixture
def requesting(requester: Actor, client: Client) -> Client:
    assert requester.user is not None
    client.force_login(requester.user)
    return client


def decision(expected: int, **more: object) -> dict[str, object]:
    return {"reason": "good enough", "expected_generation": expected, "confirm": "on", **more}


def test_the_review_page_shows_evidence_and_names_what_is_replaced(approving: Client, candidate: ModelVersion) -> None:
    text = approving.get(page(candidate)).content.decode()

    assert "Recommended" in text
    assert "Accuracy is what it is." in text
    assert "0.9300" in text
    assert "0.9000" in text
    assert "+0.0300" in text
    assert "Approve and replace version 1" in text
    assert candidate.bundle_hash in text


def test_an_approval_by_button_puts_the_version_live(approving: Client, candidate: ModelVersion) -> None:
    answer = approving.post(act(candidate, "approve"), decision(1), follow=True)

    assert "fruit version 2 is live (generation 2)." in answer.content.decode()
    assert live() == candidate
    assert Decision.objects.latest("id").actor == "olga"


def test_a_get_changes_nothing(approving: Client, candidate: ModelVersion) -> None:
    assert approving.get(act(candidate, "approve")).status_code == 405
    assert approving.post(page(candidate), decision(1)).status_code == 405
    assert generation() == 1


def test_a_stale_page_gets_409_with_what_happened_meanwhile(
    approving: Client, approver: Actor, candidate: ModelVersion, import_one: Import
) -> None:
    third = import_one(flavour=3.0).version
    version_approve(model="fruit", number=3, actor=approver, reason="urgent fix", expected_generation=1)

    answer = approving.post(act(candidate, "approve"), decision(1))

    assert answer.status_code == 409
    assert "urgent fix" in answer.content.decode()
    assert "good enough" in answer.content.decode()  # what was typed is not lost
    assert live() == third


@pytest.mark.parametrize("left_out", ["reason", "confirm"])
def test_an_approval_needs_a_reason_and_the_confirmation(
    approving: Client, candidate: ModelVersion, left_out: str
) -> None:
    data = decision(1)
    del data[left_out]

    assert approving.post(act(candidate, "approve"), data).status_code == 400
    assert generation() == 1


def test_who_may_not_approve_gets_no_button_and_403(requesting: Client, candidate: ModelVersion) -> None:
    assert "<textarea" not in requesting.get(page(candidate)).content.decode()
    assert requesting.post(act(candidate, "approve"), decision(1)).status_code == 403
    assert generation() == 1


def test_a_rejection_and_a_roll_back_by_button(approving: Client, candidate: ModelVersion, import_one: Import) -> None:
    first = live()
    approving.post(act(candidate, "reject"), {"reason": "no", "expected_generation": 1})
    candidate.refresh_from_db()
    assert candidate.status == "rejected"

    third = import_one(flavour=3.0).version
    approving.post(act(third, "approve"), decision(1))
    assert live() == third
    deployment = Deployment.objects.get()
    assert "(the one before)" in approving.get(page(deployment)).content.decode()
    approving.post(act(deployment, "roll_back"), decision(2, number=1))
    assert live() == first
    approving.post(act(deployment, "retire"), decision(3))
    assert live() is None


def test_a_canary_by_button_from_its_share_to_its_end(approving: Client, candidate: ModelVersion) -> None:
    text = approving.get(page(candidate)).content.decode()
    assert "in the place of <strong>version 1</strong>" in text
    assert approving.post(act(candidate, "set_canary"), decision(1, percent=100)).status_code == 400
    approving.post(act(candidate, "set_canary"), decision(1, percent=5))
    deployment = Deployment.objects.get()
    assert (deployment.canary_version, deployment.canary_share) == (2, 0.05)
    assert "answers 5 % of the entities" in approving.get(page(deployment)).content.decode()
    assert "Promote and replace version 1" in approving.get(page(candidate)).content.decode()

    approving.post(act(deployment, "end_canary"), decision(2, number=2))
    candidate.refresh_from_db()
    assert candidate.status == "waiting"
    assert "I know why version 2 stopped to serve" in approving.get(page(candidate)).content.decode()
    assert approving.post(act(candidate, "approve"), decision(3)).status_code == 409
    trouble = Decision.objects.latest("id").pk
    approving.post(act(candidate, "approve"), decision(3, confirm_rolled_back=trouble))
    assert live() == candidate


def test_changes_are_asked_for_and_shown_to_who_asked(
    approving: Client, requester: Actor, candidate: ModelVersion
) -> None:
    asked = {"reason": "weigh the green ones", "expected_generation": 1}
    approving.post(act(candidate, "request_changes"), asked)
    assert requester.user is not None
    approving.force_login(requester.user)

    assert "weigh the green ones" in approving.get(page(candidate)).content.decode()
    approving.post(act(candidate, "ask_again"), {"reason": "weighed", "expected_generation": 1})
    candidate.refresh_from_db()
    assert candidate.status == "waiting"


def test_who_asked_is_told_why_they_may_not_decide_and_who_may(
    approving: Client, approver: Actor, import_one: Import
) -> None:
    import_one()
    mine = import_one(flavour=2.0, actor=approver).version
    member("ines", "approvers")
    text = approving.get(page(mine)).content.decode()

    assert "You may not decide about this version" in text
    assert "<dt>May decide</dt><dd>ines</dd>" in text
    answer = approving.post(act(mine, "approve"), decision(1))
    assert (answer.status_code, "somebody else decides" in answer.content.decode()) == (403, True)


def test_a_version_that_breaks_callers_names_the_field_and_needs_its_own_confirmation(
    approving: Client, import_one: Import
) -> None:
    import_one()
    narrower = import_one(flavour=2.0, heaviest=19.0).version
    text = approving.get(page(narrower)).content.decode()
    assert "It refuses inputs that version 1 accepts" in text
    assert "Try it as a canary" not in text

    answer = approving.post(act(narrower, "set_canary"), decision(1, percent=5))
    assert answer.status_code == 409
    assert "weight: The candidate takes nothing above 19" in answer.content.decode()
    assert approving.post(act(narrower, "approve"), decision(1)).status_code == 409
    approving.post(act(narrower, "approve"), decision(1, confirm_incompatible="on"))
    assert live() == narrower


def test_a_roll_back_to_a_version_with_trouble_asks_on_the_models_page(
    approving: Client, candidate: ModelVersion
) -> None:
    approving.post(act(candidate, "approve"), decision(1))
    deployment = Deployment.objects.get()
    approving.post(act(deployment, "roll_back"), decision(2, number=1, reason="worse at night"))
    asked = approving.post(act(deployment, "roll_back"), decision(3, number=2))
    assert asked.status_code == 409
    trouble = Decision.objects.latest("id").pk
    assert f'name="confirm_rolled_back" value="{trouble}"' in asked.content.decode()
    approving.post(act(deployment, "roll_back"), decision(3, number=2, confirm_rolled_back=trouble))
    assert live() == candidate


def test_two_versions_are_compared_by_anybody_who_may_look(requesting: Client, candidate: ModelVersion) -> None:
    comparison = page(Deployment.objects.get()).replace("change/", "compare/")
    text = requesting.get(comparison, {"left": 1, "right": 2}).content.decode()

    for shown in ("0.9300", "0.9100 to 0.9500", "estimator.params.C", candidate.bundle_hash, "policy:bootstrap"):
        assert shown in text
    assert requesting.get(comparison, {"left": "x", "right": "-1"}).status_code == 200


def test_retraining_by_button_queues_one_run(requesting: Client, candidate: ModelVersion) -> None:
    deployment = Deployment.objects.get()
    first = requesting.post(act(deployment, "retrain"))
    second = requesting.post(act(deployment, "retrain"))

    assert (first.status_code, second.status_code) == (302, 409)
    run = PipelineRun.objects.get()
    assert (run.state, run.requested_by, run.trigger) == ("queued", "rui", "person")
    assert "Cancel this run" in requesting.get(page(run)).content.decode()
    requesting.post(act(run, "cancel"))
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_a_schedule_by_plain_choices_or_a_cron_line_shows_when_it_comes_next(
    admin_client: Client, candidate: ModelVersion
) -> None:
    deployment = Deployment.objects.get()
    admin_client.post(act(deployment, "schedule"), {"days": "* * 1", "time": "04:30"})
    assert [one.cron for one in schedules_of(model="fruit")] == ["30 4 * * 1"]
    shown = admin_client.get(page(deployment)).content.decode()
    assert "next at" in shown
    assert "Remove the schedule" in shown

    refused = admin_client.post(act(deployment, "schedule"), {"days": "cron", "cron": "0 2 30 2 *"})
    assert (refused.status_code, "never comes" in refused.content.decode()) == (400, True)
    assert admin_client.post(act(deployment, "schedule"), {"days": "* * *"}).status_code == 400
    admin_client.post(act(deployment, "unschedule"))
    assert schedules_of(model="fruit") == []


def test_what_a_run_would_do_is_asked_for_and_shown_with_its_age(requesting: Client, candidate: ModelVersion) -> None:
    deployment = Deployment.objects.get()
    assert requesting.post(act(deployment, "preview")).status_code == 302
    assert "A worker looks" in requesting.get(page(deployment)).content.decode()

    plan = {"stage": "evaluation", "outlook": "runs", "reasons": ["another champion serves"]}
    ended = {"state": "succeeded", "finished_at": timezone.now(), "result": {"plans": [plan]}}
    BackgroundTask.objects.filter(kind="preview").update(**ended)
    shown = requesting.get(page(deployment)).content.decode()
    assert "another champion serves" in shown
    assert "Looked at just now" in shown


def test_a_run_ends_with_what_came_of_it_and_the_way_to_the_review(
    requesting: Client, requester: Actor, candidate: ModelVersion
) -> None:
    run = run_request(model="fruit", actor=requester, trigger=Trigger.PERSON, why="after the sale")
    PipelineRun.objects.update(state="succeeded", version=candidate, started_at=timezone.now())
    shown = requesting.get(page(run)).content.decode()

    assert "data-live" not in shown
    for words in ("after the sale", "Recommended", "Promotion is manual", "Review and decide", page(candidate)):
        assert words in shown


def test_the_log_of_a_run_is_shown_as_text(requesting: Client, requester: Actor, candidate: ModelVersion) -> None:
    run = run_request(model="fruit", actor=requester, trigger=Trigger.PERSON)
    PipelineRun.objects.update(log="<script>alert(1)</script>")

    assert "&lt;script&gt;" in requesting.get(page(run)).content.decode()


def test_every_list_and_the_overview_open(admin_client: Client, candidate: ModelVersion) -> None:
    names = [
        "registry_ui_modelversion",
        "registry_ui_pipelinerun",
        "registry_ui_auditentry",
        "registry_ui_decision",
        "registry_ui_outboxentry",
        "predictions_deployment",
        "auth_user",
    ]
    for name in names:
        assert admin_client.get(reverse(f"admin:{name}_changelist")).status_code == 200, name
    overview = admin_client.get(reverse("admin:index")).content.decode()
    assert "Version 1</a>" in overview
    assert page(candidate) in overview


def test_the_overview_shows_nothing_to_who_may_not_look(client: Client, candidate: ModelVersion) -> None:
    client.force_login(User.objects.create_user("guest", is_staff=True))

    assert "fruit" not in client.get(reverse("admin:index")).content.decode()
    assert client.get(page(candidate)).status_code == 403


def test_lists_tell_moments_to_the_second_and_with_their_zone(admin_client: Client, candidate: ModelVersion) -> None:
    text = admin_client.get(reverse("admin:registry_ui_auditentry_changelist")).content.decode()

    entry = AuditEntry.objects.latest("sequence")
    assert f"{entry.at:%Y-%m-%d %H:%M:%S} UTC" in text
