"""The prediction log in a real browser: filtered, verified, and without a serious axe finding."""

import os
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm
from playwright.sync_api import Page

from predictions.models import Deployment, Feedback, Prediction
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.test_receipts import Predict, predict, serving

__all__ = ["predict", "serving"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def log(live_server: Any, predict: Predict, import_one: Import, page: Page) -> Page:
    """The list, open before somebody who holds a permission on fruit alone."""
    for caller in ("anna", "anna", "bob"):
        predict(caller=caller)
    first = Prediction.objects.earliest("created_at")
    Feedback.objects.create(
        prediction_id=first.pk, model="fruit", label="no", caller="anna", updated_at=first.created_at
    )
    gus, client = member("gus"), Client()
    assign_perm("approve_deployment", gus, Deployment.objects.get(model="fruit"))
    client.force_login(gus)
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([{**session, "url": live_server.url}])
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(live_server.url + reverse("admin:predictions_prediction_changelist"))
    return page


def look(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def serious(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [(item["id"], item["nodes"][0]["html"][:300]) for item in found if item["impact"] in ("serious", "critical")]


def test_the_log_is_filtered_and_a_prediction_verified(log: Page) -> None:
    look(log, "list")
    log.click("a[x-on\\:click='filterOpen = true']")
    log.wait_for_selector("#changelist-filter", state="visible")
    look(log, "filters")
    assert serious(log) == []
    log.click("text=with a true label")
    log.wait_for_url("**feedback=with**")
    log.click("a[x-on\\:click='filterOpen = true']")
    log.fill("[name=created_at_from_0]", "2026-01-01")
    log.press("[name=created_at_from_0]", "Enter")
    log.wait_for_url("**created_at_from_0=2026-01-01**")
    look(log, "filtered")
    assert log.locator("#result_list tbody tr").count() == 1

    log.click("#result_list tbody tr a")
    assert "The true label is no" in log.inner_text("main")
    log.focus("button:text('Verify')")
    log.keyboard.press("Enter")
    log.wait_for_selector("text=It agrees")
    look(log, "verified")
    for scheme in ("light", "dark"):
        log.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        log.reload()
        assert serious(log) == []
    Prediction.objects.update(probability=0.25)
    log.click("button:text('Verify')")
    log.wait_for_selector("text=It does not agree")
    log.set_viewport_size({"width": 400, "height": 900})
    look(log, "differs")
    assert log.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
