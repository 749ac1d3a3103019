"""A shadow in a real browser: set, looked at, ended; and what processes cannot load, where people look."""

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from predictions.models import BundleFault, Deployment, Generation
from registry_ui.models import ModelVersion
from registry_ui.services.access import APPROVERS, REQUESTERS, groups_ensure
from registry_ui.services.shadowing import shadows_replay
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.test_shadows import TIMID, logged

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(live_server: Any, import_one: Import, page: Page) -> Page:
    """The page of a candidate, open before somebody who may do everything."""
    groups_ensure()
    import_one(held_out=True)
    candidate = import_one(flavour=2.0, threshold=TIMID, held_out=True).version
    client = Client()
    client.force_login(member("olga", APPROVERS, REQUESTERS))
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([{**session, "url": live_server.url}])
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(live_server.url + reverse("admin:registry_ui_modelversion_change", args=[candidate.pk]))
    return page


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def test_a_shadow_is_set_looked_at_and_ended(admin: Page, live_server: Any) -> None:
    admin.click("text=Try it in the shadow")
    admin.fill("#shadow-reason", "How often would it differ?")
    admin.press("#shadow-reason", "Tab")
    admin.keyboard.press("Enter")
    admin.wait_for_selector("text=is the shadow (generation 2)")
    assert "Nothing was compared yet" in admin.inner_text("#shadow")

    Generation.objects.filter(shadow_version=2).update(created_at=timezone.now() - timedelta(hours=1))
    logged([1.0, 15.0, 19.0, None, "heavy"])
    shadows_replay()
    admin.reload()
    told = admin.inner_text("#shadow")
    for said in (
        "3 predictions",
        "0.00 %",
        "yes → no",
        "1: inputs that version 1 took",
        "1: their inputs are not kept",
    ):
        assert said in told
    assert serious(admin) == []

    deployment = Deployment.objects.get(model="fruit")
    fault = {"bundle": deployment.champion_bundle, "model": "fruit", "seen_at": timezone.now()}
    for number in (1, 2):
        BundleFault.objects.create(process=f"web:{number}", message="The golden sample 0 answers otherwise.", **fault)
    for address in (reverse("admin:predictions_deployment_change", args=[deployment.pk]), reverse("admin:index")):
        admin.goto(live_server.url + address)
        assert "Version 1 could not be loaded by 2 processes: The golden sample 0" in admin.inner_text("main")
        assert serious(admin) == []

    admin.goto(live_server.url + reverse("admin:registry_ui_modelversion_change", args=[version().pk]))
    admin.fill("#end-shadow-reason", "seen enough")
    admin.get_by_role("button", name="End the shadow").click()
    admin.wait_for_selector("text=is asked no more")
    assert Deployment.objects.get(model="fruit").shadow_version is None
    assert "3 predictions" in admin.inner_text("#shadow"), "what was found stays"


def version() -> ModelVersion:
    return ModelVersion.objects.get(model="fruit", number=2)
