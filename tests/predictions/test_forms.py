"""The browser's door: the same answers as the API, without JavaScript."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ml_pipeline.spec.inputs import NumberInput
from predictions.models import Prediction
from predictions.serving.process import ServingProcess
from predictions.web.fields import form_fields

SPAM = {"subject": "", "body": "win money now\r\nclick", "from_domain": "example.org", "sent_at": "2002-09-25T08:03"}


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_the_list_shows_what_is_live_and_what_is_not(client: Client, live: ServingProcess) -> None:
    page = text_of(client.get("/"))
    assert "Movie review sentiment" in page
    assert "Version 1" in page
    assert "Accuracy <strong>90.0 %</strong>" in page
    assert "Not live yet" in page


def test_a_form_answers_as_the_api_does(client: Client, api: Client, live: ServingProcess) -> None:
    page = text_of(client.post("/models/spam/", SPAM))
    live.ship()
    row = Prediction.objects.get()
    inputs = {
        "subject": None, "body": "win money now\nclick", "from_domain": "example.org",
        "sent_at": "2002-09-25T08:03:00.000Z",
    }  # fmt: skip

    assert row.inputs == inputs
    assert str(row.id) in page
    assert re.search(r'id="label">(\w+)<', page).group(1) == row.label  # type: ignore[union-attr]
    by_api = api.post("/api/v1/models/spam/predictions", {"inputs": inputs}, content_type="application/json").json()
    assert (by_api["predictions"][0]["label"], by_api["predictions"][0]["probability"]) == (row.label, row.probability)


def test_an_example_fills_the_form_and_gets_its_recorded_answer(client: Client, live: ServingProcess) -> None:
    for model in ("sentiment", "spam", "mortgage", "wine"):
        bundle = live.live_models.current.models[model].champion.bundle  # type: ignore[union-attr]
        for number, sample in enumerate(bundle.golden_samples):
            page = client.get(f"/models/{model}/?example={number}")
            values = {field.name: field.value for field in page.context["fields"]}
            answer = client.post(f"/models/{model}/", values)
            assert answer.context["result"].label == sample["label"]


def test_a_wrong_field_is_explained_beside_it_and_nothing_typed_is_lost(client: Client, live: ServingProcess) -> None:
    values = {"loan_to_value": "1,5", "consumer_credit_score": "9", "single": "yes", "debt_to_income": "nan"}
    response = client.post("/models/mortgage/", values)
    page = text_of(response)
    live.ship()

    assert response.status_code == 400
    assert response.context["errors"] == {
        "loan_to_value": "This is not a number.",
        "consumer_credit_score": "9 is above the maximum 6.",
        "debt_to_income": "A finite number is needed.",
    }
    assert 'value="1,5"' in page
    assert "<option selected>yes</option>" in page
    assert 'aria-describedby="error-loan_to_value"' in page
    assert Prediction.objects.count() == 0


@pytest.mark.parametrize(
    "values",
    [{}, {"body": ""}, {"body": "a\x00b"}, {"body": "x" * 20_001}, {"body": "a", "sent_at": "soon"}],
    ids=["nothing", "empty", "NUL", "long", "moment"],
)
def test_bad_values_are_refused_with_a_page(client: Client, live: ServingProcess, values: dict[str, str]) -> None:
    response = client.post("/models/spam/", values)
    assert response.status_code == 400
    assert "Please correct 1 field" in text_of(response)


class FormValues(HTMLParser):
    """What a browser shows in a page's text fields, and sends: name → value."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in ("input", "textarea"):
            self.values[given["name"] or ""] = given.get("value") or ""
        self._area = (given["name"] or "") if tag == "textarea" else ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] = data.removeprefix("\n")  # as HTML says
            self._area = ""


@pytest.mark.parametrize("body", ["", "win money now", "\n\n  New Page 2\n", "a"])
def test_a_text_comes_back_from_the_page_as_it_was_typed(client: Client, live: ServingProcess, body: str) -> None:
    page = text_of(client.post("/models/spam/", {**SPAM, "body": body, "subject": " a "}))
    assert FormValues(page).values["body"] == body
    assert FormValues(page).values["subject"] == " a "


def test_what_a_user_typed_is_escaped(client: Client, live: ServingProcess) -> None:
    page = text_of(client.post("/models/spam/", {"body": "</textarea><script>alert(1)</script>"}))
    assert "<script>" not in page


def test_an_unknown_model_and_one_that_is_not_live_have_pages(client: Client, live: ServingProcess) -> None:
    unknown, unborn = client.get("/models/nothing/"), client.get("/models/unborn/")
    assert (unknown.status_code, unborn.status_code) == (404, 503)
    for response in (unknown, unborn, client.get("/nothing")):
        assert response["Content-Type"].startswith("text/html")
        assert "All models" in text_of(response)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_another_method_is_refused_with_a_page_that_names_the_right_ones(live: ServingProcess, method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for path, allowed in (("/", "GET, HEAD"), ("/models/spam/", "GET, HEAD, POST"), ("/api/v1/docs", "GET, HEAD")):
        if method not in allowed:
            response = client.generic(method, path)
            assert (response.status_code, response["Allow"]) == (405, allowed)
            assert f"takes {allowed} alone" in text_of(response)


def test_a_form_without_its_token_is_refused_with_a_page(live: ServingProcess) -> None:
    response = Client(enforce_csrf_checks=True).post("/models/spam/", SPAM)
    assert response.status_code == 403
    assert "Go back, reload" in text_of(response)


def test_forms_and_docs_ask_for_a_login_where_the_settings_say_so(
    client: Client, live: ServingProcess, settings: Any
) -> None:
    settings.FORMS_NEED_LOGIN = True
    for path in ("/", "/models/spam/", "/api/v1/docs"):
        assert client.get(path).url.startswith("/admin/login/")  # type: ignore[attr-defined]
    assert client.get("/api/v1/schema").status_code == 401

    client.force_login(User.objects.create_user("ann"))
    assert client.post("/models/spam/", SPAM).status_code == 200
    live.ship()
    assert Prediction.objects.get().caller == "ann"


def test_the_pages_ask_the_database_nothing(
    client: Client, live: ServingProcess, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert client.get("/").status_code == 200
        assert client.post("/models/spam/", SPAM).status_code == 200
        assert client.get("/api/v1/docs").status_code == 200


def test_a_bound_of_many_digits_reaches_the_browser_whole() -> None:
    [field] = form_fields({"income": NumberInput(type="number", minimum=0.5, maximum=12_345_678)}, {}, {})
    assert dict(field.attributes) == {"step": "any", "min": "0.5", "max": "12345678"}
