"""Idempotency-Key, against a real web process: once done, the same answer; never in the way of those without a key."""

import json
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from predictions.errors import AnswerInProgress, IdempotencyKeyReused
from predictions.idempotency import answers
from predictions.models import KeptAnswer
from tests.predictions.test_web_processes import _PREPARE
from tests.predictions.webserver import WebServer, wait_for

PATH = "/api/v1/models/sentiment/predictions"
FINE = {"inputs": {"text": "a fine film"}}


class Caller:
    def __init__(self, server: WebServer, token: str) -> None:
        self.server, self.token = server, token

    def post(self, body: Any, key: str | None) -> tuple[int, Any, bool]:
        """Status, body and whether it was a replay."""
        headers = {"Content-Type": "application/json", "Authorization": f"Token {self.token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        address = f"http://127.0.0.1:{self.server.port}{PATH}"
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - our own address
                return answer.status, json.loads(answer.read()), "Idempotency-Replayed" in answer.headers
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["code"], False


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idempotency")


@pytest.fixture(scope="module")
def caller(state: Path) -> Iterator[Caller]:
    server = WebServer(state)
    token = server.run(_PREPARE)
    yield Caller(server.start(), token)
    server.stop(signal.SIGKILL)


def test_the_same_request_is_answered_once_and_its_answer_given_again(caller: Caller, state: Path) -> None:
    first, again = caller.post(FINE, "one"), caller.post(FINE, "one")

    assert (first[0], first[2], again[2]) == (200, False, True)
    assert again[:2] == first[:2]
    logged = [first[1]["predictions"][0]["id"].replace("-", "")]
    with sqlite3.connect(state / "codesoft.sqlite3") as database:
        rows = "SELECT id FROM predictions_prediction WHERE entity_id = '' ORDER BY created_at"
        wait_for(lambda: logged[0] in [row[0] for row in database.execute(rows)], 5)
    assert caller.post(FINE, None)[1] != first[1]


def test_another_request_under_the_key_is_refused_and_a_refused_one_leaves_it_free(caller: Caller) -> None:
    assert caller.post({"inputs": {"text": 1}}, "two")[:2] == (400, "invalid_inputs")
    assert caller.post(FINE, "two")[0] == 200
    assert caller.post({"inputs": {"text": "another"}}, "two")[:2] == (422, "idempotency_key_reused")
    assert caller.post(FINE, "a key with spaces")[:2] == (400, "invalid_idempotency_key")


def test_of_many_at_once_one_does_the_work(caller: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: caller.post(FINE, "three"), range(16)))

    assert {status for status, _, _ in got} <= {200, 409}
    assert [replayed for status, _, replayed in got if status == 200].count(False) == 1
    assert len({body["predictions"][0]["id"] for status, body, _ in got if status == 200}) == 1


def test_with_the_database_locked_a_key_gets_a_retryable_refusal_and_others_their_answer(
    caller: Caller, state: Path
) -> None:
    with sqlite3.connect(state / "codesoft.sqlite3", isolation_level=None) as database:
        database.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        refused = caller.post(FINE, "four")
        waited = time.monotonic() - started
        answered = caller.post(FINE, None)
        database.execute("ROLLBACK")

    assert refused[:2] == (503, "idempotency_unavailable")
    assert waited < 10, "half a second and a busy machine's delay, not SQLite's 20 s"
    assert answered[0] == 200


@pytest.mark.django_db
def test_a_reservation_outlives_its_process_for_a_minute_and_an_answer_a_day() -> None:
    def age(by: timedelta) -> None:
        KeptAnswer.objects.update(reserved_at=timezone.now() - by)

    first = answers._reserve("token", "key", "request")
    assert isinstance(first, answers.Reservation)
    with pytest.raises(AnswerInProgress):
        answers._reserve("token", "key", "request")
    age(answers.LEASE * 2)
    second = answers._reserve("token", "key", "request")
    assert second == answers.Reservation(first.id, 2)

    KeptAnswer.objects.update(status=200, body="{}")
    with pytest.raises(IdempotencyKeyReused):
        answers._reserve("token", "key", "another")
    assert answers._reserve("token", "key", "request") == answers.Answered(200, "{}", "")
    age(answers.KEPT * 2)
    assert answers._reserve("token", "key", "another") == answers.Reservation(first.id, 3)
    age(answers.KEPT * 2)
    assert answers.forget_old_answers() == 1
