"""One's own tokens in a real browser: made, used and revoked by keyboard alone, and no serious axe finding."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from predictions.serving import start_serving, stop_serving
from predictions.serving.process import ServingProcess
from tests.predictions.conftest import live, process  # noqa: F401 - fixtures
from tests.predictions.webserver import wait_for
from tests.registry_ui.conftest import member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tokens(live_server: Any, live: ServingProcess, page: Page) -> Iterator[Page]:  # noqa: F811 - a fixture
    """The page of somebody who has no permission at all; the process keeps itself current."""
    client = Client()
    client.force_login(member("sam"))
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    page.context.add_cookies([{**session, "url": live_server.url}])
    page.goto(live_server.url + reverse("tokens"))
    start_serving()
    yield page
    stop_serving()


def status(url: str, token: str) -> int:
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{url}/api/v1/models/sentiment/predictions",
        json.dumps({"inputs": {"text": "a fine film"}}).encode(),
        {"Authorization": f"Token {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_token_is_made_used_and_revoked_by_keyboard_alone(tokens: Page, live_server: Any) -> None:
    keys = tokens.keyboard
    tokens.focus("#name")
    keys.type("nightly scoring")
    keys.press("Enter")
    tokens.wait_for_selector("text=Copy it now")
    assert tokens.evaluate("document.activeElement.id") == "new-token"
    token = tokens.input_value("#new-token")
    wait_for(lambda: status(live_server.url, token) == 200, 5)

    tokens.goto(live_server.url + reverse("tokens"))
    assert token not in tokens.content()
    tokens.focus("text=Revoke nightly scoring")
    keys.press("Enter")
    tokens.wait_for_selector("h1:has-text('Revoke nightly scoring?')")
    tokens.focus("button:has-text('Revoke')")
    keys.press("Enter")
    tokens.wait_for_selector("text=nightly scoring is revoked")

    assert wait_for(lambda: status(live_server.url, token) == 401, 5) < 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_the_pages_are_accessible_and_fit(tokens: Page, scheme: str, width: int) -> None:
    tokens.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tokens.set_viewport_size({"width": width, "height": 900})
    tokens.fill("#name", "")
    tokens.click("text=Make the token")
    _look(tokens)
    tokens.fill("#name", "nightly")
    tokens.check("text=These alone:")
    tokens.check("text=spam")
    tokens.click("text=Make the token")
    _look(tokens)
    tokens.click("text=Revoke nightly")
    _look(tokens)


def _look(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [item["id"] for item in found if item["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
