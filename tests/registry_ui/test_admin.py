"""The admin's pages: what an approver sees, and that a button does what it says, once, by POST alone."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from predictions.models import Deployment
from registry_ui.models import Decision, ModelVersion, PipelineRun
from registry_ui.services.access import Actor
from registry_ui.services.decisions import version_approve
from registry_ui.services.runs import run_request
from tests.registry_ui.conftest import Import, generation, live

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


def test_retraining_by_button_queues_one_run(requesting: Client, candidate: ModelVersion) -> None:
    deployment = Deployment.objects.get()
    first = requesting.post(act(deployment, "retrain"))
    second = requesting.post(act(deployment, "retrain"))

    assert (first.status_code, second.status_code) == (302, 409)
    run = PipelineRun.objects.get()
    assert (run.state, run.requested_by, run.trigger) == ("queued", "rui", "admin")
    assert "Cancel this run" in requesting.get(page(run)).content.decode()
    requesting.post(act(run, "cancel"))
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_the_log_of_a_run_is_shown_as_text(requesting: Client, requester: Actor, candidate: ModelVersion) -> None:
    run = run_request(model="fruit", actor=requester)
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
