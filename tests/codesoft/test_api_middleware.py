"""The short way of an API request: what the longer way would have seen to is seen to here."""

import gc
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken
from rest_framework.request import Request

from predictions.serving.process import ServingProcess

pytestmark = pytest.mark.usefixtures("process")


def test_an_answer_tells_its_length_and_forbids_guessing_its_type(process: ServingProcess) -> None:
    process.live_models.refresh()
    answer = Client().get("/api/v1/models")

    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not {"Set-Cookie", "Strict-Transport-Security"} & set(answer.headers)


def test_a_host_that_is_not_ours_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["models.example.org"]
    answer = Client().get("/api/v1/models", headers={"host": "elsewhere.example.org"})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_where_only_tls_is_served_a_plain_request_is_sent_there_and_told_so(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 60

    assert Client().get("/api/v1/models").headers["Location"] == "https://testserver/api/v1/models"
    assert Client().get("/api/v1/models", secure=True).headers["Strict-Transport-Security"] == "max-age=60"


def test_answers_are_counted_by_view_and_status(process: ServingProcess) -> None:
    from django_prometheus.middleware import Metrics

    process.live_models.refresh()
    counted = Metrics.get_instance().responses_by_status_view_method.labels(
        status="401", view="api-models", method="GET"
    )
    before = counted._value.get()
    Client().get("/api/v1/models")
    assert counted._value.get() == before + 1


def test_a_page_under_the_same_prefix_is_a_page(process: ServingProcess) -> None:
    process.live_models.refresh()
    assert Client().get("/api/v1/docs").headers["Content-Type"].startswith("text/html")


def test_what_a_prediction_s_request_was_made_of_goes_with_its_answer(live: ServingProcess) -> None:
    """A cycle among them would be left to the garbage collector, whose pauses are the slowest answers."""
    _, token = AuthToken.objects.create(User.objects.create_user("caller"))
    live.live_models.refresh()
    client, path = Client(headers={"authorization": f"Token {token}"}), "/api/v1/models/sentiment/predictions"
    gc.collect()
    gc.disable()
    try:
        answer = client.post(path, {"inputs": {"text": "a fine film"}}, content_type="application/json")
        assert answer.status_code == 200
        assert [one for one in gc.get_objects() if isinstance(one, Request) and one.path == path] == []
    finally:
        gc.enable()
