"""A model's page in a real browser: what-if with scripts, the form without, snippets that run as printed."""

import os
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, Page, Route

from predictions.models import Prediction
from predictions.serving.process import ServingProcess

pytestmark = pytest.mark.django_db(transaction=True)

SAID = "#what-if-said"


@pytest.fixture
def answered(live_server: Any, live: ServingProcess, page: Page) -> Page:
    """The page of reviews with an answer on it."""
    page.goto(f"{live_server.url}/models/sentiment/?example=0")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("#prediction-id")
    return page


def test_an_edited_text_is_answered_at_once_and_not_logged(answered: Page, live: ServingProcess) -> None:
    asked = answered.input_value("[name=text]")

    answered.fill("[name=text]", "dull, dull and boring")
    answered.wait_for_selector("#what-if .trial")

    assert answered.inner_text(SAID).startswith(f"What if: {answered.inner_text('#what-if-label')} (")
    assert "tried, not logged" in answered.inner_text("#what-if")
    answered.fill("[name=text]", asked)
    assert answered.locator("#what-if .trial").count() == 0
    live.ship()
    assert [row.inputs["text"] for row in Prediction.objects.all()] == [asked]


def test_an_answer_that_was_overtaken_is_dropped_and_a_fault_is_said(answered: Page) -> None:
    late: list[Route] = []
    answered.route("**/what-if", lambda route: late.append(route) if not late else route.continue_())
    answered.fill("[name=text]", "first")
    answered.wait_for_function("document.querySelector('[aria-busy]')")
    answered.fill("[name=text]", "wonderful, moving and funny")
    answered.wait_for_selector("#what-if .trial")
    newer = answered.inner_text(SAID)
    late[0].fulfill(body='<p data-said="too late">')
    answered.wait_for_timeout(200)
    assert answered.inner_text(SAID) == newer

    answered.unroute("**/what-if")
    answered.route("**/what-if", lambda route: route.abort())
    answered.fill("[name=text]", "another")
    answered.wait_for_function(f"document.querySelector('{SAID}').textContent.includes('did not answer')")
    answered.fill("[name=text]", "")
    assert "cannot be read yet" in answered.inner_text(SAID)


def test_without_scripts_the_form_answers_and_every_tab_opens(
    live_server: Any, live: ServingProcess, browser: Browser
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{live_server.url}/models/mortgage/?example=0")
        page.get_by_role("button", name="Predict").click()
        assert page.locator("#label").inner_text() in ("yes", "no")
        assert page.locator(".pushes li").count() > 2
        assert not page.locator(SAID).is_visible()
        assert not page.get_by_role("button", name="Copy").first.is_visible()
        for language in ("Python", "curl", "JavaScript"):
            page.get_by_role("radio", name=language).check(force=True)
            assert page.locator(".snippet:visible").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_it_is_accessible_and_fits(answered: Page, scheme: Any, width: int) -> None:
    answered.emulate_media(color_scheme=scheme)
    answered.set_viewport_size({"width": width, "height": 900})
    answered.fill("[name=text]", "dull, dull and boring")
    answered.wait_for_selector("#what-if .trial")

    found = Axe().run(answered).response["violations"]

    assert [(item["id"], item["nodes"][0]["html"]) for item in found if item["impact"] in ("serious", "critical")] == []
    assert answered.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("model", ["spam", "mortgage"])
def test_each_snippet_answers_as_it_is_printed(
    live_server: Any, api: Client, page: Page, token: str, model: str
) -> None:
    page.goto(f"{live_server.url}/models/{model}/?example=1")
    code = {key: page.locator(f"#code-{key}").text_content() or "" for key in ("curl", "python", "javascript")}
    script = code["javascript"].replace('"…"', f'"{token}"')
    environment = {**os.environ, "TOKEN": token}

    commands = {"curl": ["bash", "-c", code["curl"]], "python": [sys.executable, "-c", code["python"]]}
    if node := shutil.which("node"):
        commands["node"] = [node, "--input-type=module", "-e", script]
    said = {
        name: subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True).stdout
        for name, command in commands.items()
    }
    with page.expect_console_message() as message:
        page.evaluate(f"async () => {{ {script} }}")
    said["browser"] = str(message.value.args[0].json_value())

    labels = {name: re.search(r"label\"?'?: ?['\"](\w+)", text)[1] for name, text in said.items()}  # type: ignore[index]
    assert len(set(labels.values())) == 1, said
