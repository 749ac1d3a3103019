"""The page of a running pipeline in a real Chromium, over real workers: it moves without a reload, to the decision."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.drills.training_stand import TrainingStand
from tests.processes import wait_until

_RUN_MILLISECONDS = 300_000  # on a machine that others use too
_USER = "from django.contrib.auth.models import User\nUser.objects.create_superuser('ada', password='a long password')"


@pytest.fixture
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingStand]:
    stand = TrainingStand(tmp_path_factory.mktemp("training"), ["tiny"]).prepare()
    try:
        stand.python(_USER)
        stand.start("web", "default", "beat")
        yield stand
    finally:
        stand.stop_all()


@pytest.mark.timeout(900)
def test_a_run_is_foreseen_followed_and_decided_on_pages_that_move_by_themselves(
    stand: TrainingStand, page: Page
) -> None:
    page.set_default_timeout(60_000)
    url = f"http://127.0.0.1:{stand.environment['PORT']}"
    assert wait_until(lambda: "Listening at" in stand.log("web"), 120)
    page.goto(f"{url}/admin/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("a long password")
    page.locator("button[type=submit]").click()

    stand.start("dispatcher")
    page.goto(f"{url}/admin/predictions/deployment/")
    page.get_by_role("link", name="tiny").first.click()
    page.get_by_text("What a run would do now").click()  # asked for by being opened
    expect(page.locator(".plans li").nth(5)).to_contain_text("registration", timeout=120_000)
    expect(page.locator(".plans li").first).to_contain_text("it never ran here")

    page.get_by_role("button", name="Retrain tiny").click()
    page.get_by_role("link", name="tiny run").first.click()
    page.evaluate("window.theSame = true")
    expect(page.locator("#run-progress")).to_contain_text("Waiting for a worker since", timeout=60_000)
    stand.start("runs")
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=120_000)
    expect(page.locator("li.done").first).to_contain_text("ingestion", timeout=_RUN_MILLISECONDS)
    expect(page.locator("#run-lines")).to_contain_text("Running stage")

    outcome = page.locator("#run-outcome")
    expect(outcome).to_contain_text("tiny version 1 is approved", timeout=_RUN_MILLISECONDS)
    expect(outcome).to_contain_text("policy:bootstrap")
    expect(page.locator("#run[data-live]")).to_have_count(0)
    assert page.evaluate("window.theSame") is True
    page.get_by_role("link", name="Open the review page").click()
    expect(page).to_have_url(re.compile("modelversion"))
