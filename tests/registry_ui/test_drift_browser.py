"""Drift in a real browser: asked for on the model's page, read as a report, and Evidently's page in its cage."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from predictions.models import Deployment
from registry_ui.models import BackgroundTask, DriftReport, ModelVersion
from registry_ui.services.access import REQUESTERS, groups_ensure
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from tests.registry_ui.conftest import member
from tests.registry_ui.drifting import evaluated, import_sentiment, log_texts, tweet_texts, undrifted_texts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def champion(tmp_path: Path) -> ModelVersion:
    return import_sentiment(tmp_path / "candidate")


@pytest.fixture
def admin(live_server: Any, champion: ModelVersion, page: Page) -> Page:
    """The model's page, open before somebody who may request runs."""
    groups_ensure()
    client = Client()
    client.force_login(member("rui", REQUESTERS))
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([{**session, "url": live_server.url}])
    page.set_viewport_size({"width": 1280, "height": 900})
    deployment = Deployment.objects.get(model="sentiment")
    page.goto(live_server.url + reverse("admin:predictions_deployment_change", args=[deployment.pk]))
    return page


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def test_an_evaluation_is_asked_for_and_its_report_read(admin: Page, champion: ModelVersion, live_server: Any) -> None:
    log_texts(champion, undrifted_texts(300))
    evaluated()
    log_texts(champion, tweet_texts(300))
    admin.click("text=Evaluate now")
    admin.wait_for_selector("text=An evaluation is queued.")
    task_execute(task_id=BackgroundTask.objects.get(state="queued").pk, kinds=KINDS)
    admin.wait_for_selector("#drift >> text=The traffic has drifted")
    assert serious(admin) == []

    admin.click("#drift >> text=Report")
    admin.wait_for_selector("text=The furthest statistic over time")
    told = admin.inner_text("main")
    for said in ("Domain classifier", "Vocabulary of text", "Expected without labels"):
        assert said in told
    admin.click("text=Show it here")
    frame = admin.frame_locator("iframe.caged")
    frame.locator("text=Drift").first.wait_for(timeout=60_000)
    assert serious(admin) == []


def test_evidentlys_page_can_do_nothing_in_the_admins_name(
    admin: Page, champion: ModelVersion, live_server: Any
) -> None:
    log_texts(champion, undrifted_texts(200))
    report: DriftReport = evaluated()
    asked: list[str] = []
    admin.on("request", lambda request: asked.append(request.url))

    admin.goto(live_server.url + reverse("admin:registry_ui_driftreport_evidently", args=[report.pk]))
    admin.wait_for_selector("text=Drift", timeout=60_000)

    assert admin.evaluate("window.origin") == "null"
    assert admin.evaluate("(() => { try { return document.cookie } catch { return 'refused' } })()") == "refused"
    assert admin.evaluate("fetch('/admin/').then(() => 'sent', () => 'refused')") == "refused"
    assert [url for url in asked if not url.startswith((live_server.url, "data:", "blob:"))] == []
