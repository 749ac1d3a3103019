"""What repeats with every request is one line in a while, and nothing else is left out."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codesoft.logs import FirstOfEach
from tests.predictions.webserver import WebServer

LINES = """
import logging, sys
from types import SimpleNamespace
from codesoft.error_status import error_of_ours
from django.db import OperationalError
from django.utils.log import log_response
logging.getLogger().handlers[0].setStream(sys.stdout)
for _ in range(5):
    response = SimpleNamespace(status_code=503)
    log_response("%s: %s", "Service Unavailable", "/x", response=response, request=None)
    error_of_ours(OperationalError("away"))
"""


def record(status: int, route: str = "one", msg: Any = "%s: %s") -> logging.LogRecord:
    args = ("Service Unavailable", f"/{route}")
    made = logging.LogRecord(
        "django.request", logging.ERROR, __file__, 1, msg, () if isinstance(msg, dict) else args, None
    )
    made.status_code = status
    made.request = SimpleNamespace(resolver_match=SimpleNamespace(route=route))
    return made


def shown(first: FirstOfEach, *records: logging.LogRecord) -> list[Any]:
    return [one.msg if isinstance(one.msg, dict) else one.getMessage() for one in records if first.filter(one)]


def test_a_refusal_that_repeats_is_shown_once_for_each_route_and_status() -> None:
    refused = [record(503), record(503), record(503, "two"), record(507), record(503)]
    assert len(shown(FirstOfEach(60), *refused)) == 3


def test_the_next_line_tells_how_many_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    first, moments = FirstOfEach(10), iter([0.0, 1.0, 9.0, 10.0, 20.0])
    monkeypatch.setattr("codesoft.logs.time.monotonic", lambda: next(moments))

    assert shown(first, *[record(503) for _ in range(5)]) == [
        "Service Unavailable: /one",
        "Service Unavailable: /one (2 more like it before)",
        "Service Unavailable: /one",
    ]


def test_faults_and_what_a_caller_did_wrong_are_always_shown() -> None:
    others = [record(500), record(500), record(404), record(404)]
    assert len(shown(FirstOfEach(60), *others)) == 4


def test_an_event_of_ours_is_told_apart_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    first, moments = FirstOfEach(10), iter([0.0, 1.0, 2.0, 11.0])
    monkeypatch.setattr("codesoft.logs.time.monotonic", lambda: next(moments))
    events = [record(0, msg={"event": name}) for name in ("a", "a", "b", "a")]

    assert shown(first, *events) == [{"event": "a"}, {"event": "b"}, {"event": "a", "left_out": 1}]


def test_the_settings_bound_what_a_web_process_says_while_it_refuses(tmp_path: Path) -> None:
    said = WebServer(tmp_path).run(LINES)
    assert said.count("Service Unavailable") == 1
    assert said.count("database.unavailable") == 1
