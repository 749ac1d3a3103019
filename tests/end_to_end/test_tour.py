"""The tour of an approver, by keyboard alone: the waiting candidate, its evidence, the approval, and the way back.

Each page on the way is looked at by axe. KEEP_SCREENSHOTS names a folder for pictures of them (docs/images).
"""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.end_to_end.test_lifecycle import MODEL, _change_recipe, _settled_answer
from tests.processes import wait_until

_MOST_TABS = 150
_PICTURES = os.environ.get("KEEP_SCREENSHOTS", "")


def look_at(page: Page, name: str) -> None:
    """No serious or critical axe finding; a picture where they are kept."""
    grave = [
        f"{found['id']} ({found['impact']}): {found['help']}: {[node['html'][:150] for node in found['nodes'][:3]]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]
    assert grave == [], f"{name}, {page.url}: {grave}"
    if _PICTURES:
        Path(_PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(_PICTURES) / f"{name}.png")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element that matches has the focus."""
    for _ in range(_MOST_TABS):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} on {page.url} cannot be reached by {_MOST_TABS} tabs.")


def follow(page: Page, selector: str) -> None:
    tab_to(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def decide(page: Page, action: str, reason: str) -> None:
    """Fill the form of a decision and send it."""
    form = f"form[action$='/{action}/']"
    tab_to(page, f"{form} textarea[name=reason]")
    page.keyboard.type(reason)
    tab_to(page, f"{form} input[type=checkbox]")
    page.keyboard.press("Space")
    follow(page, f"{form} button[type=submit]")


def version_in_the_form(page: Page, url: str) -> str:
    page.goto(f"{url}/models/{MODEL}")
    follow(page, ".examples a")
    follow(page, "form button[type=submit]")
    return page.locator("#version").inner_text()


@pytest.fixture
def candidate(product) -> tuple[int, int]:
    """The numbers of the champion and of a candidate that waits."""
    _, before = product.call(f"models/{MODEL}/versions")
    _change_recipe(product, "0.03")
    run = product.retrain(MODEL)
    assert run["state"] == "succeeded", run
    return before["champion"], run["version"]


def test_an_approver_decides_by_keyboard_and_the_answers_follow(
    product, page: Page, candidate: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": 1280, "height": 860})
    champion, waiting = candidate
    page.goto(f"{product.url}/admin/")
    look_at(page, "login")
    tab_to(page, "input[name=username]")
    page.keyboard.type("approver")
    page.keyboard.press("Tab")
    page.keyboard.type(product.password("approver"))
    with page.expect_navigation():
        page.keyboard.press("Enter")

    look_at(page, "overview")
    address = page.get_by_role("link", name=f"{MODEL} version {waiting}").first.get_attribute("href")
    follow(page, f"a[href='{address}']")
    expect(page.get_by_role("heading", name="Held-out metrics")).to_be_visible()
    look_at(page, "review")
    decide(page, "approve", "The intervals overlap, and it is the simpler model.")
    expect(page.get_by_text(f"{MODEL} version {waiting} is live").first).to_be_visible()
    look_at(page, "approved")

    assert wait_until(lambda: _settled_answer(product, waiting), 10)
    assert version_in_the_form(page, product.url) == str(waiting)
    look_at(page, "answer")

    page.goto(f"{product.url}/admin/")
    address = page.get_by_role("link", name=MODEL, exact=True).first.get_attribute("href")
    follow(page, f"a[href='{address}']")
    look_at(page, "model")
    decide(page, "roll_back", "Callers complained about the new one.")
    expect(page.get_by_text("is live again").first).to_be_visible()
    assert wait_until(lambda: _settled_answer(product, champion), 10)
    assert version_in_the_form(page, product.url) == str(champion)

    page.goto(f"{product.url}/admin/predictions/generation/served/")
    page.locator("#served-at").fill(page.locator("#served-at").get_attribute("max") or "")
    follow(page, "form.fields button")
    expect(page.get_by_text("Callers complained about the new one.")).to_be_visible()
    look_at(page, "served")
    for name, path in {
        "versions": "registry_ui/modelversion",
        "runs": "registry_ui/pipelinerun",
        "decisions": "registry_ui/decision",
        "audit": "registry_ui/auditentry",
        "notifications": "registry_ui/notification",
    }.items():
        page.goto(f"{product.url}/admin/{path}/")
        look_at(page, name)
