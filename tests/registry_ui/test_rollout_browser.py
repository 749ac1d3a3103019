"""A canary by its plan in a real browser: set, looked at, paused; and the page of a model that was rolled back."""

import random
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from predictions.models import Deployment
from registry_ui.services.access import APPROVERS, REQUESTERS, Actor, groups_ensure
from registry_ui.services.decisions import version_approve
from registry_ui.services.rollouts import rollouts_look
from tests.registry_ui.conftest import Import, generation, member
from tests.registry_ui.test_shadow_browser import serious
from tests.registry_ui.traffic import Clock, told, traffic

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def admin(clock: Clock, live_server: Any, import_one: Import, page: Page) -> Page:
    """The page of a candidate, open before an approver."""
    groups_ensure()
    import_one()
    candidate = import_one(flavour=2.0, rollout={"steps": [0.05, 0.2, 0.5], "promote": True}).version
    sign_in(page, live_server, member("olga", APPROVERS, REQUESTERS))
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto(live_server.url + reverse("admin:registry_ui_modelversion_change", args=[candidate.pk]))
    return page


def sign_in(page: Page, live_server: Any, user: User) -> None:
    client = Client()
    client.force_login(user)
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([{**session, "url": live_server.url}])


def passing(clock: Clock, minutes: int, *, failing: float = 0.0) -> None:
    chance = random.Random(5)  # noqa: S311 - traffic
    for _ in range(minutes):
        clock.forward(minutes=1)
        deployment = Deployment.objects.get(model="fruit")
        traffic(deployment.champion_version or 0, 95, slow=chance.randrange(3))
        told(deployment.champion_version or 0, 5, chance.randrange(2))
        if deployment.canary_version:
            failed = sum(chance.random() < failing for _ in range(20))
            traffic(deployment.canary_version, 20, route="canary", failed=failed)
            told(deployment.canary_version, 3, chance.randrange(2), route="canary")
        rollouts_look()


def model_page(live_server: Any) -> str:
    row = Deployment.objects.get(model="fruit")
    return str(live_server.url + reverse("admin:predictions_deployment_change", args=[row.pk]))


def test_a_canary_by_its_plan_is_set_looked_at_and_paused(admin: Page, live_server: Any, clock: Clock) -> None:
    admin.click("text=Try it as a canary")
    admin.fill("#percent", "5")
    admin.check("text=It goes on by itself: 5 %, 20 %, 50 %")
    admin.fill("#canary-reason", "Better on the held-out rows.")
    admin.check("form[action*=set_canary] input[name=confirm]")
    admin.click("text=Set as canary")
    admin.wait_for_selector("text=is the canary (generation 2)")

    passing(clock, 42)
    admin.goto(model_page(live_server))
    told_now = admin.inner_text("#trial-canary")
    for said in (
        "Planned by olga",
        "beside version 1",
        "Failed requests",
        "0 % of 840",
        "of what it takes",
        "Evidence of harm",
    ):
        assert said in told_now
    assert admin.locator("#trial-canary .plot path.line").count() >= 4
    assert serious(admin) == []
    admin.click("#trial-canary summary:text-is('Pause')")
    admin.fill("#pause-reason", "Over the weekend.")
    admin.click("text=Pause the canary")
    admin.wait_for_selector("text=stays at its share. It is still watched.")

    passing(clock, 3, failing=0.5)
    admin.goto(model_page(live_server))
    assert "Last trial: version 2 as canary, stopped" in admin.inner_text("main")
    assert serious(admin) == []


def test_a_model_that_was_rolled_back_says_so_and_links_what_was_found(
    admin: Page, live_server: Any, clock: Clock
) -> None:
    passing(clock, 3)
    olga = Actor("olga", member("otto", APPROVERS))
    version_approve(model="fruit", number=2, actor=olga, reason="better", expected_generation=generation())
    clock.forward(minutes=1)
    traffic(2, 300, failed=90)
    rollouts_look()
    admin.goto(model_page(live_server))
    assert "Version 2 was rolled back automatically" in admin.inner_text("main")
    assert serious(admin) == []


def test_a_version_that_was_rolled_back_from_is_asked_about_again_and_another_person_tries_it(
    admin: Page, live_server: Any, clock: Clock
) -> None:
    candidate, otto = admin.url, member("otto", APPROVERS)
    passing(clock, 3)
    actor = Actor("otto", otto)
    version_approve(model="fruit", number=2, actor=actor, reason="better", expected_generation=generation())
    clock.forward(minutes=1)
    traffic(2, 300, failed=90)
    rollouts_look()

    admin.goto(candidate)
    assert "Rolled back to version 1 by system:rollback" in admin.inner_text("main")
    admin.click("summary:text-is('Ask for a decision about it')")
    admin.fill("#ask-reason", "The caller that sent broken rows is mended.")
    assert serious(admin) == []
    admin.click("button:text-is('Ask for a decision')")
    admin.wait_for_selector("text=waits for a decision again.")
    assert "You may not decide about this version" in admin.inner_text("#decide")

    sign_in(admin, live_server, otto)
    admin.goto(candidate)
    admin.click("text=Try it as a canary")
    admin.fill("#percent", "5")
    admin.fill("#canary-reason", "As asked.")
    for box in admin.locator("form[action*=set_canary] input[type=checkbox][required]").all():
        box.check()
    admin.click("text=Set as canary")
    admin.wait_for_selector("text=is the canary")
    assert Deployment.objects.get(model="fruit").canary_version == 2
