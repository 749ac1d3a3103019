"""The API through the real WSGI application: answers, and an error in JSON for whatever is sent."""

import json
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from predictions.models import Prediction
from predictions.serving.process import ServingProcess
from tests.predictions.api_bodies import CASES, Case

PREDICTIONS = "/api/v1/models/sentiment/predictions"
GOOD = b'{"inputs": {"text": "a fine film"}}'


def post(api: Client, path: str, body: bytes, **extra: Any) -> Any:
    extra.setdefault("content_type", "application/json")
    return api.generic("POST", path, body, **extra)


def assert_error(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response["Content-Type"] == "application/json", response.content
    content: dict[str, Any] = json.loads(response.content.decode())
    assert (response.status_code, content["code"]) == (status, code), content
    assert set(content) == {"code", "message", "details"}
    assert content["message"]
    return content


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_bad_request_gets_its_status_and_code_in_json(api: Client, live: ServingProcess, case: Case) -> None:
    _, model, body, status, code = case

    response = post(api, f"/api/v1/models/{model}/predictions", body)

    assert_error(response, status, code)
    live.ship()
    assert Prediction.objects.count() == 0


def test_one_row_answers_label_probability_threshold_version_and_a_logged_id(api: Client, live: ServingProcess) -> None:
    response = post(api, PREDICTIONS, b'{"inputs": {"text": "a fine film"}, "entity_id": "film 7"}')
    content = response.json()
    live.ship()

    assert response.status_code == 200
    assert set(content) == {"model", "version", "predictions"}
    assert (content["model"], content["version"]) == ("sentiment", 1)
    [prediction] = content["predictions"]
    assert set(prediction) == {"id", "label", "probability", "threshold", "version", "route"}
    row = Prediction.objects.get(id=prediction["id"])
    assert (row.entity_id, row.caller, row.label) == ("film 7", "caller", prediction["label"])


def test_many_rows_are_answered_in_order_and_alike(api: Client) -> None:
    texts = ["a fine film", "a dull mess", "wonderful"]
    rows = [{"text": text} for text in texts]

    together = post(api, PREDICTIONS, json.dumps({"inputs": rows}).encode()).json()["predictions"]
    alone = [post(api, PREDICTIONS, json.dumps({"inputs": row}).encode()).json()["predictions"][0] for row in rows]

    assert [(p["label"], p["probability"]) for p in together] == [(p["label"], p["probability"]) for p in alone]


def test_a_model_of_several_classes_needs_no_code(api: Client) -> None:
    content = post(api, "/api/v1/models/wine/predictions", b'{"inputs": {"alcohol": 13.2, "proline": null}}').json()
    [prediction] = content["predictions"]

    assert prediction["threshold"] is None
    assert set(prediction["probabilities"]) == {"class_0", "class_1", "class_2"}
    assert prediction["probability"] == max(prediction["probabilities"].values())
    assert prediction["probability"] == prediction["probabilities"][prediction["label"]]
    assert abs(sum(prediction["probabilities"].values()) - 1) < 1e-9


def test_what_is_missing_or_unseen_is_allowed_where_the_spec_says_so(api: Client) -> None:
    assert post(api, "/api/v1/models/mortgage/predictions", b'{"inputs": {}}').status_code == 200
    response = post(api, "/api/v1/models/spam/predictions", b'{"inputs": {"body": "hi", "from_domain": "never.seen"}}')

    [prediction] = response.json()["predictions"]
    assert "never.seen" in prediction["warnings"][0]


def test_every_bad_field_of_every_bad_row_is_named(api: Client) -> None:
    rows = [{"loan_to_value": 0.5}, {"loan_to_value": 11, "single": "x"}, {"loan_to_value": True}]

    response = post(api, "/api/v1/models/mortgage/predictions", json.dumps({"inputs": rows}).encode())

    details = assert_error(response, 400, "invalid_inputs")["details"]
    assert [(row["row"], [(e["field"], e["code"]) for e in row["errors"]]) for row in details["rows"]] == [
        (1, [("loan_to_value", "out_of_range"), ("single", "not_listed")]),
        (2, [("loan_to_value", "wrong_type")]),
    ]


def test_a_body_or_a_batch_beyond_the_limit_is_too_large(api: Client, settings: Any) -> None:
    settings.PREDICTION_BODY_LIMIT = 1_000
    settings.PREDICTION_ROW_LIMIT = 3
    rows = json.dumps({"inputs": [{"text": "a"}] * 4}).encode()

    assert_error(post(api, PREDICTIONS, b'{"inputs": {"text": "' + b"x" * 2_000 + b'"}}'), 413, "body_too_large")
    assert_error(post(api, PREDICTIONS, rows), 413, "too_many_rows")


def test_a_body_in_chunks_is_read_and_bounded(api: Client, settings: Any) -> None:
    settings.PREDICTION_BODY_LIMIT = 1_000

    def chunked(body: bytes) -> Any:
        sent = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "", "wsgi.input": BytesIO(body)}
        return post(api, PREDICTIONS, b"", HTTP_TRANSFER_ENCODING="chunked", **sent)

    assert chunked(GOOD).status_code == 200
    assert_error(chunked(b"x" * 5_000), 413, "body_too_large")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_another_content_type_is_refused(api: Client, content_type: str) -> None:
    assert_error(post(api, PREDICTIONS, GOOD, content_type=content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_is_refused_and_the_right_one_named(api: Client, method: str) -> None:
    response = api.generic(method, PREDICTIONS)
    assert_error(response, 405, "method_not_allowed")
    assert "POST" in response["Allow"]


@pytest.mark.parametrize(
    "header", ["", "Token", "Token wrong", "Token a b", "Bearer x", "Token \xff\xfe", "Token " + "x" * 5_000]
)
def test_no_or_a_bad_token_is_unauthorised(live: ServingProcess, header: str) -> None:
    response = post(Client(headers={"authorization": header} if header else {}), PREDICTIONS, b"{")
    assert response.status_code == 401
    assert response.json()["code"] in ("not_authenticated", "authentication_failed")
    assert response["WWW-Authenticate"] == "Token"


def test_an_expired_token_and_one_of_an_inactive_user_stop_with_the_next_snapshot(
    api: Client, live: ServingProcess
) -> None:
    assert post(api, PREDICTIONS, GOOD).status_code == 200
    row = AuthToken.objects.get()
    row.expiry = timezone.now()
    row.save()
    live.live_models.refresh()
    assert_error(post(api, PREDICTIONS, GOOD), 401, "authentication_failed")

    row.expiry = None
    row.save()
    row.user.is_active = False
    row.user.save()
    live.live_models.refresh()
    assert_error(post(api, PREDICTIONS, GOOD), 401, "authentication_failed")


def test_a_prediction_asks_the_database_nothing(
    api: Client, live: ServingProcess, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert post(api, PREDICTIONS, GOOD).status_code == 200


def test_a_caller_that_accepts_html_alone_gets_json(api: Client) -> None:
    for path in ("/api/v1/models", "/api/v1/models/sentiment?format=xml", "/api/v1/models/nothing", "/api/v1/nothing"):
        assert api.get(path, headers={"accept": "text/html"})["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/models/sentiment", "/api/v1/schema"])
def test_a_trailing_slash_a_head_and_an_options_change_nothing(api: Client, path: str) -> None:
    assert api.get(path).status_code == api.get(path + "/").status_code == api.head(path).status_code == 200
    options = api.options(path)
    assert (options.status_code, "GET" in options["Allow"]) == (204, True)


def test_models_are_listed_with_and_without_a_live_version(api: Client) -> None:
    models = {model["name"]: model for model in api.get("/api/v1/models").json()["models"]}
    assert models["sentiment"]["title"] == "Movie review sentiment"
    assert (models["sentiment"]["version"], models["unborn"]["version"]) == (1, None)

    spam = api.get("/api/v1/models/spam").json()
    assert list(spam["inputs"]) == ["subject", "body", "from_domain", "sent_at"], "in the declared order"
    assert spam["inputs"]["body"]["required"]
    assert not spam["inputs"]["subject"]["required"]
    assert spam["metrics"] == {"accuracy": 0.9, "f1": 0.8}
    assert_error(api.get("/api/v1/models/nothing"), 404, "unknown_model")


def test_a_process_that_knows_nothing_yet_asks_to_come_again(process: ServingProcess) -> None:
    response = post(Client(headers={"authorization": "Token x"}), PREDICTIONS, GOOD)
    assert_error(response, 503, "not_ready")
    assert int(response["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?version=1", 200, None),
        ("?version=9", 404, "unknown_version"),
        ("?version=0", 400, "invalid_request"),
        ("?version=one", 400, "invalid_request"),
        ("?version=1&version=2", 400, "invalid_request"),
        ("?version=", 400, "invalid_request"),
    ],
)
def test_a_version_is_chosen_by_its_number(api: Client, query: str, status: int, code: str | None) -> None:
    body = b'{"inputs": {"text": "a fine film"}}'
    response = post(api, PREDICTIONS + query, body)

    assert (response.status_code, response.json().get("code")) == (status, code)
    if status == 200:
        assert response.json()["predictions"][0]["route"] == "named"
