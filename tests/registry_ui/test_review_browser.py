"""The review page in a real browser: the slider by keyboard, progress that shows itself, no serious axe finding."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.services.access import APPROVERS, REQUESTERS, groups_ensure
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.test_flips import TIMID, computed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def candidate(import_one: Import) -> ModelVersion:
    import_one(held_out=True)
    version = import_one(flavour=2.0, threshold=TIMID, held_out=True).version
    computed(version)
    return version


@pytest.fixture
def review(live_server: Any, candidate: ModelVersion, page: Page) -> Page:
    """The candidate's page, open before somebody who may do everything."""
    groups_ensure()
    client = Client()
    client.force_login(member("olga", APPROVERS, REQUESTERS))
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([{**session, "url": live_server.url}])
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(live_server.url + reverse("admin:registry_ui_modelversion_change", args=[candidate.pk]))
    return page


def test_the_slider_shows_each_threshold_and_fills_the_form(review: Page) -> None:
    assert review.inner_text("[data-shown=flips]") == "10"

    review.focus("#threshold-range")
    review.keyboard.press("Home")

    assert review.inner_text("[data-shown=threshold]") == "0.0100"
    assert review.inner_text("[data-shown=recall]") == "1.0000"
    assert review.input_value("#threshold-value") == "0.01"
    marker = review.locator("[data-marker]").first
    assert float(marker.get_attribute("x1") or 0) < 60


def test_progress_shows_itself_until_the_work_is_done(review: Page) -> None:
    review.click("text=Replay again")
    review.wait_for_selector("#replay-progress")
    queued = BackgroundTask.objects.filter(kind="flips", state="queued")
    queued.update(done=1, total=4, step="replaying")
    review.wait_for_selector("text=replaying, 1 of 4", timeout=10_000)

    computed(ModelVersion.objects.get(number=2))

    review.wait_for_selector("text=Replay again", timeout=10_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 400])
def test_it_is_accessible_and_fits(review: Page, scheme: str, width: int) -> None:
    review.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    review.set_viewport_size({"width": width, "height": 900})
    review.reload()
    assert review.evaluate("document.documentElement.classList.contains('dark')") is (scheme == "dark")

    found = Axe().run(review).response["violations"]

    assert [item["id"] for item in found if item["impact"] in ("serious", "critical")] == []
    assert review.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
