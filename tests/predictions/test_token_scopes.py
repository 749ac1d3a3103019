"""What a token may do, and how often: decided from the snapshot, without a question to the database."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from knox.models import AuthToken

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions.models import ModelLimit, TokenDetails
from predictions.scopes import EVERY_SCOPE, SCOPES
from predictions.serving.process import ServingProcess
from predictions.snapshot import Snapshot
from tests.predictions.test_serving import refuse

Calling = Callable[..., Client]
SENTIMENT, SPAM = "/api/v1/models/sentiment", "/api/v1/models/spam"


@pytest.fixture
def calling(live: ServingProcess) -> Calling:
    """A client with a token of these scopes, models and limit."""
    owner = User.objects.create_user("caller")

    def client(scopes: list[str], models: list[str] | None = None, rate_limit: int | None = None) -> Client:
        row, token = AuthToken.objects.create(owner)
        TokenDetails.objects.create(token=row, name="x", scopes=scopes, model_names=models, rate_limit=rate_limit)
        live.live_models.refresh()
        live.throttle.exchange()
        return Client(headers={"authorization": f"Token {token}"})

    return client


def predict(client: Client, model: str = SENTIMENT, body: Any = None) -> HttpResponse:
    content = body or {"inputs": {"text": "a fine film"}}
    return client.post(f"{model}/predictions", json.dumps(content), content_type="application/json")


def refusal(answer: HttpResponse) -> tuple[int, str, Any]:
    body = json.loads(answer.content)
    return answer.status_code, body["code"], body["details"]


def test_a_token_does_what_its_scopes_say_on_the_models_that_it_names(calling: Calling) -> None:
    predicting, reading = calling(["predict"], ["sentiment"]), calling(["read"], ["spam"])

    assert predict(predicting).status_code == 200
    assert refusal(predict(predicting, SPAM)) == (403, "scope_missing", {"scope": "predict", "model": "spam"})
    assert refusal(predicting.get(SENTIMENT)) == (403, "scope_missing", {"scope": "read", "model": "sentiment"})
    assert refusal(predicting.get("/api/v1/models")) == (403, "scope_missing", {"scope": "read", "model": None})
    assert refusal(predict(reading, SPAM)) == (403, "scope_missing", {"scope": "predict", "model": "spam"})
    assert reading.get(SPAM).status_code == 200
    assert [one["name"] for one in reading.get("/api/v1/models").json()["models"]] == ["spam"]


def test_choosing_a_version_wants_the_scope_manage(calling: Calling) -> None:
    body, address = json.dumps({"inputs": {"text": "a fine film"}}), f"{SENTIMENT}/predictions?version=1"

    refused = calling(["predict"]).post(address, body, content_type="application/json")
    assert refusal(refused) == (403, "scope_missing", {"scope": "manage", "model": "sentiment"})
    assert calling(["predict", "manage"]).post(address, body, content_type="application/json").status_code == 200


def test_a_token_limited_to_models_learns_nothing_about_others(calling: Calling) -> None:
    client = calling(list(SCOPES), ["spam"])
    codes = [refusal(predict(client, f"/api/v1/models/{name}"))[1] for name in ("sentiment", "no-such-model")]
    assert codes == ["scope_missing", "scope_missing"]


def test_the_registry_wants_read_to_look_and_manage_to_change(calling: Calling) -> None:
    User.objects.update(is_superuser=True)
    reading, managing = calling(["read"]), calling(["manage"])

    assert reading.get(f"{SENTIMENT}/versions").status_code == 200
    assert refusal(reading.post(f"{SENTIMENT}/runs"))[1:] == (
        "scope_missing",
        {"scope": "manage", "model": "sentiment"},
    )
    assert managing.post(f"{SENTIMENT}/runs").status_code == 202
    assert refusal(managing.get(f"{SENTIMENT}/versions"))[1] == "scope_missing"


def test_a_token_does_no_more_than_its_owner(calling: Calling) -> None:
    assert refusal(calling(list(SCOPES)).post(f"{SENTIMENT}/runs"))[:2] == (403, "permission_refused")


def test_another_method_is_a_405_whatever_the_scopes(calling: Calling) -> None:
    assert calling(["predict"]).delete(f"{SENTIMENT}/predictions").status_code == 405


def test_a_token_made_by_hand_has_every_scope(api: Client) -> None:
    assert predict(api).status_code == 200
    assert api.get(SENTIMENT).status_code == 200


def test_scopes_and_limits_hold_without_the_database(calling: Calling, live: ServingProcess) -> None:
    client = calling(["predict"], ["sentiment"], 0)
    with connection.execute_wrapper(refuse):
        assert predict(client).status_code == 200
        assert predict(client, SPAM).status_code == 403


def test_a_snapshot_file_of_the_release_before_scopes_is_read(live: ServingProcess, token: str, settings: Any) -> None:
    live.live_models.refresh()
    path = settings.SERVING_DIR / "snapshot.json"
    content = json.loads(path.read_bytes())
    content["body"].pop("limits")
    for grant in content["body"]["tokens"].values():
        del grant["scopes"], grant["models"], grant["rate_limit"]
    content |= {"format": 1, "sha256": sha256_hex(canonical_json(content["body"]))}
    path.write_bytes(canonical_json(content))

    read = Snapshot.read_file(path)
    assert read is not None
    assert {grant.scopes for grant in read.tokens.values()} == {EVERY_SCOPE}


def test_scopes_and_limits_survive_in_the_file(calling: Calling, live: ServingProcess, settings: Any) -> None:
    ModelLimit.objects.create(model="spam", requests_per_minute=7)
    calling(["read", "predict"], ["spam"], 5)
    assert Snapshot.read_file(settings.SERVING_DIR / "snapshot.json") == live.live_models.current.snapshot


def test_every_answer_says_what_is_left_and_the_one_too_many_when_to_come_back(calling: Calling, settings: Any) -> None:
    settings.RATE_LIMIT_PER_MODEL = 1_000
    client = calling(["predict"], None, 8)  # two processes share it, and this one takes half at first

    good, bad = predict(client), predict(client, body={"inputs": []})
    assert (good.status_code, bad.status_code) == (200, 400)
    assert good["RateLimit-Policy"] == bad["RateLimit-Policy"] == '"token";q=8;w=60, "model";q=1000;w=60'
    assert bad["RateLimit"].startswith('"token";r=6;t=')
    assert [predict(client).status_code for _ in range(3)] == [200, 200, 429]
    refused = predict(client)
    assert refusal(refused)[:2] == (429, "rate_limited")
    assert refused["Retry-After"] == "1"
    assert refused["RateLimit"].startswith('"token";r=4;t=')


def test_a_models_own_limit_counts_all_callers(calling: Calling) -> None:
    ModelLimit.objects.create(model="sentiment", requests_per_minute=4)
    one, two = calling(["predict"]), calling(["predict"])

    assert [predict(client).status_code for client in (one, two, one)] == [200, 200, 429]
    assert predict(two, SPAM, {"inputs": {"body": "hello"}}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_last_use_is_written_beside_the_requests(calling: Calling, live: ServingProcess) -> None:
    client, before = calling(["predict"]), time.time()
    predict(client)
    assert TokenDetails.objects.get().last_used_at is None
    with connection.execute_wrapper(refuse):
        live.write_token_uses()  # the database is away: it waits
    live.write_token_uses()

    used = TokenDetails.objects.get().last_used_at
    assert used is not None
    assert before <= used.timestamp() <= time.time()
