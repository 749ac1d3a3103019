"""Trials on the pages and in the API: how a version fares, what it waits for, and what a person may change."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from predictions.models import Deployment
from registry_ui.models import Decision, ModelVersion, VersionTrial
from registry_ui.services.access import Actor
from registry_ui.services.canaries import version_set_canary
from registry_ui.services.decisions import version_approve
from registry_ui.services.rollouts import rollouts_look
from registry_ui.services.trials import CanaryPlan
from tests.registry_ui.conftest import Import, generation
from tests.registry_ui.test_api import MODEL, calling, decide
from tests.registry_ui.traffic import Clock, told, traffic

pytestmark = pytest.mark.django_db
PLAN = CanaryPlan(steps=(0.05, 0.5), step_minutes=10, minimum_requests=100)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def candidate(clock: Clock, import_one: Import) -> ModelVersion:
    import_one()
    return import_one(flavour=2.0).version


def given(actor: Actor, **more: Any) -> dict[str, Any]:
    known = {"model": "fruit", "number": 2, "actor": actor, "reason": "try it", "expected_generation": generation()}
    return {**known, **more}


def on_trial(actor: Actor, clock: Clock) -> None:
    """A canary that follows a plan, asked and told labels for three minutes."""
    version_set_canary(**given(actor, plan=PLAN))
    for _ in range(3):
        clock.forward(minutes=1)
        traffic(1, 500, slow=10)
        traffic(2, 50, route="canary", slow=1)
        told(1, 18, 2)
        told(2, 9, 1, route="canary")
        rollouts_look()


def page(client: Client) -> str:
    row = Deployment.objects.get(model="fruit")
    return str(client.get(reverse("admin:predictions_deployment_change", args=[row.pk])).content.decode())


def post(client: Client, action: str, **fields: Any) -> Any:
    row = Deployment.objects.get(model="fruit")
    known = {"number": 2, "reason": "by hand", "expected_generation": row.generation, "confirm": "on"}
    return client.post(reverse(f"admin:predictions_deployment_{action}", args=[row.pk]), {**known, **fields})


@pytest.fixture
def admin(client: Client, approver: Actor) -> Client:
    assert approver.user
    client.force_login(approver.user)
    return client


def test_the_models_page_shows_the_canary_beside_the_champion_and_what_it_waits_for(
    candidate: ModelVersion, approver: Actor, admin: Client, clock: Clock
) -> None:
    on_trial(approver, clock)
    shown = page(admin)
    assert "3 of 10 minutes and 150 of 100 requests at this share; then 50 % of the entities." in shown
    assert "Planned by olga" in shown
    assert "0 % of 150" in shown
    assert "10 % of 30" in shown
    assert "≤ 10 ms" in shown
    assert "Evidence of harm" in shown


def test_a_person_plans_pauses_and_lets_go_on_by_forms(candidate: ModelVersion, approver: Actor, admin: Client) -> None:
    version_set_canary(**given(approver, share=0.05))
    assert "stays as it is until a person changes it" not in page(admin), "nobody has looked yet"
    plan = {"steps": "5, 20 %, 50", "step_minutes": 1, "minimum_requests": 10, "promote": "on"}
    assert post(admin, "plan_canary", **{**plan, "steps": "50, 5"}).status_code == 400
    assert post(admin, "plan_canary", **{**plan, "steps": "some"}).status_code == 400
    assert post(admin, "plan_canary", **plan).status_code == 302
    trial = VersionTrial.objects.get()
    assert (trial.rules["steps"], trial.rules["promote"], trial.planned_by) == ([0.05, 0.2, 0.5], True, "olga")
    assert post(admin, "pause_canary").status_code == 302
    assert post(admin, "pause_canary").status_code == 409
    assert post(admin, "resume_canary").status_code == 302


def test_a_canary_that_is_set_on_its_page_may_follow_the_plan_that_it_declares(
    candidate: ModelVersion, admin: Client
) -> None:
    url = reverse("admin:registry_ui_modelversion_set_canary", args=[candidate.pk])
    shown = admin.get(reverse("admin:registry_ui_modelversion_change", args=[candidate.pk])).content.decode()
    assert "It goes on by itself: 1 %, 5 %, 20 %, 50 %" in shown
    fields = {"reason": "try", "expected_generation": generation(), "confirm": "on", "percent": "1", "by_plan": "on"}
    assert admin.post(url, fields).status_code == 302
    assert VersionTrial.objects.get().planned_by == "olga"


def test_a_decision_of_the_guard_shows_its_figures_and_the_model_says_that_it_waits(
    candidate: ModelVersion, approver: Actor, admin: Client, clock: Clock
) -> None:
    version_approve(**given(approver))
    clock.forward(minutes=1)
    traffic(2, 100, failed=90)
    rollouts_look()
    decision = Decision.objects.get(action="roll_back")
    shown = admin.get(
        reverse("admin:registry_ui_modelversion_evidence", args=[decision.version.pk, decision.pk])
    ).content.decode()
    assert "What the guard found" in shown
    assert "90 % of 100" in shown
    assert "Version 2 was rolled back automatically: nothing moves by itself" in page(admin)


def test_the_api_tells_the_same_and_takes_plans(candidate: ModelVersion, approver: Actor, requester: Actor) -> None:
    approving, requesting = calling(approver.user), calling(requester.user)
    plan = {"steps": [0.05, 0.5], "step_minutes": 10, "minimum_requests": 100}
    decided = decide(approving, 2, action="set_canary", plan=plan)
    assert (decided.status_code, decided.json()["share"]) == (201, 0.05)
    assert decide(approving, 2, action="set_canary", expected_generation=2).status_code == 400
    refused = decide(approving, 2, action="set_canary", expected_generation=2, plan={"steps": [0.5, 0.1]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_plan")
    traffic(1, 500)
    traffic(2, 50, route="canary")
    rollouts_look()

    body = requesting.get(f"{MODEL}/rollout").json()
    [trial] = body["trials"]
    assert (trial["kind"], trial["version"], trial["beside"], trial["state"]) == ("canary", 2, 1, "running")
    assert (trial["share"], trial["steps"], trial["planned_by"], body["hold"]) == (0.05, [0.05, 0.5], "olga", None)
    assert trial["signals"]["errors"]["tested"]["rows"] == 50
    assert trial["signals"]["errors"]["log_evidence"] < trial["signals"]["errors"]["decides_at"]

    change = {"action": "pause", "version": 2, "reason": "lunch", "expected_generation": 2}
    assert requesting.post(f"{MODEL}/rollout", change, format="json").status_code == 403
    paused = approving.post(f"{MODEL}/rollout", change, format="json")
    assert (paused.status_code, paused.json()["trials"][0]["state"]) == (200, "paused")
    assert approving.post(f"{MODEL}/rollout", {**change, "plan": plan}, format="json").status_code == 400
    again = approving.post(f"{MODEL}/rollout", {**change, "action": "plan", "plan": plan}, format="json")
    assert again.json()["trials"][0]["state"] == "running"
