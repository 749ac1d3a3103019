"""What a new user meets: printed requests that work, forms that answer, a fourth model without code."""

import re
import stat
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.processes import wait_until

LABELS = {
    "sentiment": {"positive", "negative"},
    "spam": {"spam", "ham"},
    "mortgage": {"yes", "no"},
    "wine": {"class_0", "class_1", "class_2"},
}


def test_each_printed_request_can_be_pasted_and_answers_with_a_label(product):
    requests = re.findall(r"^curl .*?(?=\n\n|\Z)", product.printed, re.MULTILINE | re.DOTALL)
    if not requests:
        pytest.fail(product.printed)
    preamble = "".join(line for line in product.output if line.startswith("TOKEN="))
    answered = {}
    for request in requests:
        answer = subprocess.run(
            ["bash", "-c", preamble + request], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        model = re.search(r"models/([\w-]+)/predictions", request)[1]
        answered[model] = re.search(r'"label":"(\w+)"', answer)[1]
    assert answered.keys() == LABELS.keys()
    assert all(label in LABELS[model] for model, label in answered.items())


def test_both_printed_metrics_addresses_tell_of_every_model(product):
    web, registry = re.findall(r"http://\S+/metrics", product.printed)
    for address, metric in ((web, "codesoft_live_version"), (registry, "codesoft_pipeline_runs")):
        text = wait_until(lambda address=address: _scraped(address), 30)  # the dispatcher starts beside the web process
        assert text, address
        assert set(re.findall(rf'^{metric}{{model="(\w+)"', text, re.MULTILINE)) == set(LABELS), metric


def _scraped(address: str) -> str | None:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own address
            return answer.read().decode()
    except urllib.error.URLError:
        return None


def test_access_is_kept_where_only_the_owner_reads_it(product):
    file = product.var / "access.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {row["name"] for row in product.access["users"]} == {"admin", "approver"}


def test_training_leaves_the_checkout_as_it_was(product):
    changed = [path for path in ("artifacts", "dvc.lock.new", ".dvc/tmp") if (product.project / path).exists()]
    assert changed == []


def test_a_fourth_model_is_a_block_and_documents_in_api_and_documentation(product):
    _, known = product.call("models/wine")
    assert known["version"] == 1
    inputs = {name: 13.0 if name == "alcohol" else None for name in known["inputs"]}
    answer = product.predict("wine", inputs)["predictions"][0]
    assert answer["label"] in LABELS["wine"]
    assert answer["threshold"] is None
    assert answer["probability"] == max(answer["probabilities"].values())
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    status, schema = product.call("schema")
    assert status == 200
    assert any("/models/wine/predictions" in path for path in schema["paths"])


@pytest.mark.parametrize("model", sorted(LABELS))
def test_a_form_is_filled_in_a_browser_and_shows_the_prediction(product, page, model):
    page.goto(f"{product.url}/")
    page.locator(f"a[href*='/models/{model}']").first.click()
    page.locator(".examples a").first.click()
    page.get_by_role("button", name="Predict").click()
    assert page.locator("#label").inner_text() in LABELS[model]
    assert page.locator("#version").inner_text() == str(product.predict(model, _example(product, model))["version"])


@pytest.mark.parametrize(
    ("model", "field", "typed"), [("mortgage", "loan_to_value", "1e"), ("spam", "sent_at", "0102")]
)
def test_a_value_that_the_browser_cannot_read_is_not_taken_for_a_missing_one(product, page, model, field, typed):
    page.goto(f"{product.url}/models/{model}/?example=0")
    page.locator(f"[name={field}]").clear()
    page.locator(f"[name={field}]").press_sequentially(typed)
    page.get_by_role("button", name="Predict").click()
    page.wait_for_timeout(1_000)
    assert page.locator("#label").count() == 0


def test_a_text_that_is_too_long_is_refused_and_kept_rather_than_cut(product, page):
    page.goto(f"{product.url}/models/sentiment/")
    page.locator("[name=text]").fill("x" * 20_001)
    page.get_by_role("button", name="Predict").click()
    assert "20001 characters; at most 20000 are allowed." in page.get_by_role("alert").inner_text()
    assert page.locator("[name=text]").input_value() == "x" * 20_001


def _example(product, model):
    """Inputs that any model takes: its required ones as plain text, the others left out."""
    _, known = product.call(f"models/{model}")
    return {name: "A plain text." for name, field in known["inputs"].items() if field.get("required")}
