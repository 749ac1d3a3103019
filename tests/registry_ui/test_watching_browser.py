"""The pages of runs, labels and live performance in a real browser: an upload from check to revert, and axe on each."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from predictions.models import Deployment, Feedback
from registry_ui.models import ModelVersion, Trigger
from registry_ui.services.access import APPROVERS, REQUESTERS, Actor, groups_ensure
from registry_ui.services.live_performance import performance_count
from registry_ui.services.runs import run_request
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.labelled import answered, labelled

pytestmark = pytest.mark.django_db(transaction=True)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


@pytest.fixture
def champion(import_one: Import) -> ModelVersion:
    return import_one(held_out=True).version


@pytest.fixture
def admin(live_server: Any, champion: ModelVersion, page: Page) -> Page:
    groups_ensure()
    client = Client()
    olga = member("olga", APPROVERS, REQUESTERS)
    olga.is_superuser = True
    olga.save()
    client.force_login(olga)
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([{**session, "url": live_server.url}])
    page.set_viewport_size(WIDE)
    return page


def look_at(page: Page) -> None:
    """No serious finding, wide and narrow, and nothing that hangs over the edge of a narrow page."""
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        found = Axe().run(page).response["violations"]
        grave = [
            (one["id"], one["nodes"][0]["html"][:150]) for one in found if one["impact"] in ("serious", "critical")
        ]
        assert grave == [], f"{page.url} at {size['width']}: {grave}"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), f"{page.url} hangs over"
    page.set_viewport_size(WIDE)


def test_labels_are_uploaded_checked_confirmed_and_reverted(
    admin: Page, live_server: Any, champion: ModelVersion, tmp_path: Path
) -> None:
    row = answered("yes", bundle=champion.bundle_hash)
    file = tmp_path / "labels.csv"
    file.write_text(f"prediction_id,label\n{row.pk},no\n{row.pk},\nnobody,yes\n")

    admin.goto(live_server.url + reverse("admin:registry_ui_feedbackupload_changelist"))
    look_at(admin)
    admin.get_by_role("link", name="Upload true labels").first.click()
    look_at(admin)
    admin.set_input_files("input[type=file]", file)
    admin.locator("form[enctype] button[type=submit]").click()
    expect(admin.get_by_text("nobody").first).to_be_visible()
    assert not Feedback.objects.exists()
    look_at(admin)
    admin.locator("form[action$='/confirm/'] button[type=submit]").click()
    expect(admin.locator("form[action$='/revert/']")).to_be_visible()
    assert Feedback.objects.get().label == "no"
    look_at(admin)
    admin.locator("form[action$='/revert/'] button[type=submit]").click()
    admin.wait_for_load_state()
    assert not Feedback.objects.exists()


def test_runs_and_live_performance_read_well_on_every_width(
    admin: Page, live_server: Any, champion: ModelVersion
) -> None:
    labelled([("yes", "yes")] * 3 + [("yes", "no")])
    performance_count()
    run = run_request(model="fruit", actor=Actor.operator("olga"), trigger=Trigger.COMMAND)
    deployment = Deployment.objects.get(model="fruit").pk
    pages = {
        "the home page": reverse("admin:index"),
        "runs": reverse("admin:registry_ui_pipelinerun_changelist"),
        "a run": reverse("admin:registry_ui_pipelinerun_change", args=[run.pk]),
        "the model": reverse("admin:predictions_deployment_change", args=[deployment]),
        "its live performance": reverse("admin:predictions_deployment_performance", args=[deployment]),
    }
    for address in pages.values():
        admin.goto(live_server.url + address)
        look_at(admin)
