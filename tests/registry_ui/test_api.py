"""The API's doors to the registry: the same services, with tokens and JSON errors."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from predictions.authentication import Caller
from registry_ui.models import ModelVersion, PipelineRun, Trigger
from registry_ui.services.access import Actor
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.runs import run_cancel, run_request
from tests.registry_ui.conftest import Import, generation, live

pytestmark = pytest.mark.django_db

MODEL = "/api/v1/models/fruit"


def calling(user: User | None) -> APIClient:
    """A client as a token makes it: the caller is no Django user, but has one's name."""
    client = APIClient()
    if user is not None:
        client.force_authenticate(Caller(user.pk, user.username))  # type: ignore[arg-type]
    return client


@pytest.fixture
def approving(approver: Actor) -> APIClient:
    return calling(approver.user)


@pytest.fixture
def requesting(requester: Actor) -> APIClient:
    return calling(requester.user)


@pytest.fixture
def candidate(import_one: Import) -> ModelVersion:
    import_one()
    return import_one(flavour=2.0, verdict="promote").version


def decide(client: APIClient, number: int, **body: Any) -> Any:
    return client.post(
        f"{MODEL}/versions/{number}/decisions",
        {"action": "approve", "reason": "good", "expected_generation": 1, **body},
        format="json",
    )


def test_a_drift_evaluation_is_asked_for_once_and_its_reports_are_listed(
    requesting: APIClient, candidate: ModelVersion
) -> None:
    asked, again = (requesting.post(f"{MODEL}/drift") for _ in range(2))
    assert (asked.status_code, asked.json()["state"], asked["Location"]) == (202, "queued", f"{MODEL}/drift")
    assert again.json()["task"] == asked.json()["task"]

    task_execute(task_id=uuid.UUID(asked.json()["task"]), kinds=KINDS)

    body = requesting.get(f"{MODEL}/drift").json()
    [report] = body["reports"]
    assert (body["task"]["state"], report["state"], report["version"], report["rows"]) == (
        "succeeded", "insufficient", 1, 0,
    )  # fmt: skip
    assert (report["statistics"], report["estimates"], report["live"]) == ([], [], None)


def test_a_drift_evaluation_needs_the_permission_and_something_that_serves(
    approving: APIClient, requesting: APIClient
) -> None:
    deployment_ensure(model="fruit")

    assert approving.post(f"{MODEL}/drift").json()["code"] == "permission_refused"
    refused = requesting.post(f"{MODEL}/drift")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert requesting.get(f"{MODEL}/drift").json()["reports"] == []


def test_versions_are_listed_with_what_a_decision_needs(approving: APIClient, candidate: ModelVersion) -> None:
    body = approving.get(f"{MODEL}/versions").json()

    assert (body["model"], body["generation"], body["champion"]) == ("fruit", 1, 1)
    assert [(item["version"], item["status"], item["stage"]) for item in body["versions"]] == [
        (2, "waiting", "Staging"),
        (1, "approved", "Production"),
    ]
    assert body["versions"][0]["metrics"]["accuracy"]["low"] == pytest.approx(0.88)


def test_lists_lead_to_what_is_older_and_a_version_can_be_asked_for_alone(
    approving: APIClient, requesting: APIClient, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_ui.api.base.NEWEST", 1)
    for _ in range(2):
        run = run_request(model="fruit", actor=Actor.operator("test"), trigger=Trigger.API)
        run_cancel(model="fruit", run_id=run.pk, actor=Actor.operator("test"))
    assert decide(approving, 2, action="request_changes").status_code == 201
    assert decide(requesting, 2, action="ask_again").status_code == 201
    for place, key in (("versions", "versions"), ("versions/2/decisions", "decisions"), ("runs", "runs")):
        newest = approving.get(f"{MODEL}/{place}").json()
        older = approving.get(newest["older"]).json()
        assert [len(page[key]) for page in (newest, older)] == [1, 1]
        assert newest[key] != older[key]
        assert older["older"] is None
    for place in ("versions", "versions/2/decisions"):
        assert approving.get(f"{MODEL}/{place}?before=x").json()["code"] == "invalid_request"
    assert approving.get(f"{MODEL}/runs?before=x").json()["code"] == "unknown_run"
    assert approving.get(f"{MODEL}/versions/2").json()["version"] == 2
    assert approving.get(f"{MODEL}/versions/9").json()["code"] == "unknown_version"


def test_an_approval_and_a_roll_back(approving: APIClient, candidate: ModelVersion) -> None:
    approved = decide(approving, 2)
    assert (approved.status_code, approved.json()["generation"], approved.json()["actor"]) == (201, 2, "olga")
    assert live() == candidate

    back = decide(approving, 1, action="roll_back", expected_generation=2)
    assert (back.status_code, back.json()["version"]) == (201, 1)


def test_a_canary_is_set_with_a_share_promoted_and_its_decisions_listed(
    approving: APIClient, candidate: ModelVersion
) -> None:
    for wrong in ({}, {"share": 0}, {"share": 1.0}, {"share": "0.1"}):
        assert decide(approving, 2, action="set_canary", **wrong).status_code == 400
    assert decide(approving, 2, share=0.1).status_code == 400
    assert decide(approving, 2, action="set_canary", share=0.1).json()["share"] == 0.1
    body = approving.get(f"{MODEL}/versions").json()
    assert (body["champion"], body["canary"], body["canary_share"]) == (1, 2, 0.1)

    assert decide(approving, 2, action="promote_canary", expected_generation=2).status_code == 201
    listed = approving.get(f"{MODEL}/versions/2/decisions").json()["decisions"]
    assert [(one["action"], one["generation"]) for one in listed] == [("promote_canary", 3), ("set_canary", 2)]
    assert decide(approving, 1, action="retire", expected_generation=3).json()["code"] == "wrong_state"
    assert decide(approving, 2, action="retire", expected_generation=3).status_code == 201


def test_a_shadow_is_set_and_ended_and_stands_in_the_list(approving: APIClient, import_one: Import) -> None:
    import_one()
    import_one(flavour=2.0)
    assert decide(approving, 2, action="set_shadow").status_code == 201
    assert approving.get("/api/v1/models/fruit/versions").json()["shadow"] == 2
    assert decide(approving, 2, action="set_shadow", expected_generation=2).json()["code"] == "wrong_state"
    assert decide(approving, 2, action="end_shadow", expected_generation=2).status_code == 201
    assert approving.get("/api/v1/models/fruit/versions").json()["shadow"] is None


def test_what_stands_in_the_way_is_named_and_can_be_confirmed(approving: APIClient, import_one: Import) -> None:
    import_one()
    import_one(flavour=2.0, heaviest=19.0)
    canary = decide(approving, 2, action="set_canary", share=0.1, confirm_incompatible=True)
    assert (canary.status_code, canary.json()["code"]) == (409, "incompatible_inputs")
    assert canary.json()["details"]["fields"][0]["field"] == "weight"
    assert decide(approving, 2).json()["code"] == "incompatible_inputs"
    assert decide(approving, 2, confirm_incompatible=True).status_code == 201

    back = decide(approving, 1, action="roll_back", expected_generation=2).json()["id"]
    refused = decide(approving, 2, action="roll_back", expected_generation=3)
    assert (refused.json()["code"], refused.json()["details"]["decision"]) == ("rolled_back_before", back)
    again = decide(approving, 2, action="roll_back", expected_generation=3, confirm_rolled_back=back)
    assert again.status_code == 201


def test_four_eyes_and_changes(
    approving: APIClient, requesting: APIClient, import_one: Import, approver: Actor
) -> None:
    import_one()
    import_one(flavour=2.0, actor=approver)
    assert (decide(approving, 2).status_code, decide(approving, 2).json()["code"]) == (403, "four_eyes")
    import_one(flavour=3.0)
    assert decide(approving, 3, action="request_changes").status_code == 201
    assert decide(approving, 3, action="ask_again").status_code == 403
    assert decide(requesting, 3, action="ask_again").json()["action"] == "reopen"


def test_a_stale_decision_is_a_conflict_that_tells_what_happened(approving: APIClient, candidate: ModelVersion) -> None:
    decide(approving, 2)
    answer = decide(approving, 1, action="roll_back", expected_generation=1)

    assert (answer.status_code, answer.json()["code"]) == (409, "stale_generation")
    assert answer.json()["details"]["meanwhile"][0]["version"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "delete"},
        {"reason": ""},
        {"reason": 5},
        {"reason": "\x00"},
        {"expected_generation": "1"},
        {"expected_generation": True},
        {"expected_generation": None},
        {"more": 1},
    ],
)
def test_what_is_no_decision_is_a_400(approving: APIClient, candidate: ModelVersion, wrong: dict[str, Any]) -> None:
    assert decide(approving, 2, **wrong).status_code == 400
    assert generation() == 1


@pytest.mark.parametrize("body", ["[]", "5", "null", '{"action": "approve", "reason": "\\ud800"}'])
def test_a_body_of_another_kind_is_a_400(approving: APIClient, candidate: ModelVersion, body: str) -> None:
    answer = approving.post(f"{MODEL}/versions/2/decisions", body, content_type="application/json")

    assert answer.status_code == 400


def test_who_may_not_decide_gets_403_and_who_is_nobody_401(requesting: APIClient, candidate: ModelVersion) -> None:
    assert decide(requesting, 2).json()["code"] == "permission_refused"
    assert decide(requesting, 2).status_code == 403
    assert decide(calling(None), 2).status_code == 401
    assert decide(calling(User(pk=99, username="ghost")), 2).status_code == 403


def test_unknown_models_versions_and_runs_are_404(approving: APIClient, candidate: ModelVersion) -> None:
    assert approving.get("/api/v1/models/nothing/versions").json()["code"] == "unknown_model"
    assert decide(approving, 9).json()["code"] == "unknown_version"
    for run in (str(uuid.uuid4()), "-", "0" * 36):
        assert approving.get(f"{MODEL}/runs/{run}").json()["code"] == "unknown_run"


def test_a_run_is_requested_once_followed_and_cancelled(requesting: APIClient) -> None:
    deployment_ensure(model="fruit")
    first = requesting.post(f"{MODEL}/runs")
    again = requesting.post(f"{MODEL}/runs")

    run = PipelineRun.objects.get()
    assert (first.status_code, first.json()["id"], first.json()["state"]) == (202, str(run.pk), "queued")
    assert (again.status_code, again.json()["code"], again.json()["details"]["run"]) == (409, "run_active", str(run.pk))
    assert requesting.get(first["Location"]).json()["requested_by"] == "rui"
    assert requesting.post(f"{MODEL}/runs/{run.pk}/cancellation").json()["state"] == "cancelled"
    assert requesting.post(f"{MODEL}/runs/{run.pk}/cancellation").json()["code"] == "wrong_state"


def test_runs_are_listed_newest_first_and_one_tells_what_came_of_it(
    requesting: APIClient, candidate: ModelVersion
) -> None:
    first = requesting.post(f"{MODEL}/runs").json()
    PipelineRun.objects.update(state="succeeded", version=candidate)
    second = requesting.post(f"{MODEL}/runs").json()

    listed = requesting.get(f"{MODEL}/runs").json()
    assert [run["id"] for run in listed["runs"]] == [second["id"], first["id"]]
    assert listed["runs"][0]["links"]["cancellation"] == f"{MODEL}/runs/{second['id']}/cancellation"
    told = requesting.get(f"{MODEL}/runs/{first['id']}").json()
    assert (told["trigger"], told["version"], told["outcome"]["verdict"]) == ("api", 2, "promote")
    assert (told["outcome"]["status"], told["outcome"]["decision"]) == ("waiting", None)
    assert told["links"]["decisions"] == f"{MODEL}/versions/2/decisions"
    assert requesting.get(told["links"]["decisions"]).status_code == 200


def test_who_may_not_request_runs_gets_403(approving: APIClient) -> None:
    deployment_ensure(model="fruit")

    assert approving.post(f"{MODEL}/runs").status_code == 403
