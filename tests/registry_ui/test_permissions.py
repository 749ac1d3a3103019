"""Permissions on one model: somebody with a permission on A sees A alone and decides about A alone, by every door."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from predictions.models import Deployment
from registry_ui.errors import PermissionRefused
from registry_ui.models import AuditEntry, ModelVersion, Trigger
from registry_ui.services.access import APPROVE, REQUEST, ROLL_BACK, VIEW, Actor
from registry_ui.services.decisions import champion_roll_back, version_approve
from registry_ui.services.permissions import model_permissions_set
from registry_ui.services.runs import run_request
from tests.registry_ui.conftest import Import, generation, live, member, refusals
from tests.registry_ui.test_admin import act, decision, page
from tests.registry_ui.test_api import calling

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> Actor:
    return Actor.person(User.objects.create_superuser("root", password="a long enough password"))


@pytest.fixture
def both(import_one: Import) -> dict[str, ModelVersion]:
    """Two models, each with a champion and a version that waits."""
    for model in ("fruit", "nuts"):
        import_one(model=model)
    return {model: import_one(model=model, flavour=2.0).version for model in ("fruit", "nuts")}


@pytest.fixture
def fruit_approver(both: dict[str, ModelVersion], admin: Actor) -> User:
    user = member("pia")
    give(admin, user, "approve_deployment", "rollback_deployment")
    return User.objects.get(pk=user.pk)


def give(admin: Actor, holder: User | Group, *permissions: str) -> None:
    model_permissions_set(model="fruit", holder=holder, permissions=permissions, actor=admin, reason="She knows fruit")


def approve(model: str, actor: Actor) -> None:
    version_approve(model=model, number=2, actor=actor, reason="good", expected_generation=1)


def test_a_permission_on_one_model_counts_for_that_model_alone(
    fruit_approver: User, caplog: pytest.LogCaptureFixture
) -> None:
    actor = Actor.person(fruit_approver)
    with pytest.raises(PermissionRefused, match="on nuts is missing") as refusal:
        approve("nuts", actor)
    assert refusal.value.details == {"permission": APPROVE, "model": "nuts"}
    assert refusals(caplog) == [(actor.name, "permission_refused")]
    with pytest.raises(PermissionRefused):
        run_request(model="fruit", actor=actor, trigger=Trigger.PERSON)

    approve("fruit", actor)
    champion_roll_back(model="fruit", actor=actor, reason="worse", expected_generation=2)
    assert (generation("fruit"), generation("nuts")) == (3, 1)


def test_a_group_can_hold_it_and_taking_it_away_holds_at_once(both: dict[str, ModelVersion], admin: Actor) -> None:
    group = Group.objects.create(name="fruit people")
    user = member("pia", "fruit people")
    give(admin, group, "request_deployment")
    actor = Actor.person(user)
    assert [actor.may(one, "fruit") for one in (VIEW, REQUEST, APPROVE, ROLL_BACK)] == [True, True, False, False]
    assert not actor.may(REQUEST)
    assert not actor.may(VIEW, "nuts")

    give(admin, group)
    assert not Actor.person(User.objects.get(pk=user.pk)).may(VIEW, "fruit")
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.actor, entry.action, entry.model, entry.subject) == (
        "root",
        "model.permissions",
        "fruit",
        "group fruit people",
    )


def test_a_deactivated_holder_may_do_nothing(fruit_approver: User) -> None:
    fruit_approver.is_active = False
    fruit_approver.save()

    with pytest.raises(PermissionRefused):
        approve("fruit", Actor.person(fruit_approver))


def test_who_approves_cannot_give_permissions(both: dict[str, ModelVersion], approver: Actor) -> None:
    with pytest.raises(PermissionRefused):
        give(approver, member("pia"), "approve_deployment")


def test_the_admin_shows_the_models_that_one_may_look_at(
    fruit_approver: User, both: dict[str, ModelVersion], client: Client
) -> None:
    client.force_login(fruit_approver)
    home = client.get(reverse("admin:index")).content.decode()
    assert ">fruit<" in home
    assert "nuts" not in home
    for name in (
        "predictions_deployment",
        "registry_ui_modelversion",
        "registry_ui_auditentry",
        "registry_ui_decision",
    ):
        listed = client.get(reverse(f"admin:{name}_changelist")).content.decode()
        assert "fruit" in listed, name
        assert "nuts" not in listed, name
    assert reverse("admin:registry_ui_modelversion_changelist") in home
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 403

    assert "Approve and replace version 1" in client.get(page(both["fruit"])).content.decode()
    refused = client.get(page(both["nuts"]))
    assert refused.status_code == 403
    assert VIEW in refused.content.decode()
    assert client.post(act(both["nuts"], "approve"), decision(1)).status_code == 403
    client.post(act(both["fruit"], "approve"), decision(1))
    assert (live("fruit"), generation("nuts")) == (both["fruit"], 1)


def test_the_api_answers_about_the_models_that_one_may_look_at(
    fruit_approver: User, both: dict[str, ModelVersion]
) -> None:
    caller: APIClient = calling(fruit_approver)
    body: dict[str, Any] = {"action": "approve", "reason": "good", "expected_generation": 1}

    assert caller.get("/api/v1/models/fruit/versions").status_code == 200
    for path in ("versions", "versions/2/decisions"):
        answer = caller.get(f"/api/v1/models/nuts/{path}")
        assert (answer.status_code, answer.json()["details"]["permission"]) == (403, VIEW)
    refused = caller.post("/api/v1/models/nuts/versions/2/decisions", body, format="json")
    assert (refused.status_code, refused.json()["details"]["permission"]) == (403, APPROVE)
    assert caller.post("/api/v1/models/fruit/versions/2/decisions", body, format="json").status_code == 201


def test_an_administrator_gives_permissions_and_switches_four_eyes_on_the_models_page(
    both: dict[str, ModelVersion], admin: Actor, client: Client
) -> None:
    assert admin.user is not None
    client.force_login(admin.user)
    user, deployment = member("pia"), Deployment.objects.get(model="fruit")
    form = {"user": "pia", "permissions": ["approve_deployment"], "reason": "She knows fruit"}
    assert client.post(act(deployment, "permissions"), {**form, "group": "approvers"}).status_code == 400
    answer = client.post(act(deployment, "permissions"), form, follow=True).content.decode()
    assert "pia may approve on fruit." in answer
    assert '<th scope="row">pia</th>' in answer
    assert Actor.person(user).may(APPROVE, "fruit")

    switched = {"four_eyes": "off", "reason": "team of one"}
    assert (
        "Four eyes: switched off" in client.post(act(deployment, "four_eyes"), switched, follow=True).content.decode()
    )


def test_who_may_not_administer_sees_no_such_form(fruit_approver: User, client: Client) -> None:
    client.force_login(fruit_approver)
    deployment = Deployment.objects.get(model="fruit")

    assert "Give or take permissions" not in client.get(page(deployment)).content.decode()
    form = {"user": "pia", "permissions": ["administer_deployment"], "reason": "please"}
    assert client.post(act(deployment, "permissions"), form).status_code == 403
