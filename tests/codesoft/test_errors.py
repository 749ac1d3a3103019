"""Every error class has a status, and every error outside a view an answer in the caller's language."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

import ml_pipeline.errors
import predictions.errors
import registry_ui.errors
from codesoft.error_status import STATUS, status_of
from ml_pipeline.errors import CodesoftError
from predictions.errors import DatabaseUnavailable
from predictions.serving.process import ServingProcess

PATHS = {"/api/v1/models": "application/json", "/": "text/html; charset=utf-8"}


def subclasses(base: type[CodesoftError]) -> Iterator[type[CodesoftError]]:
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)


def test_every_error_that_a_request_can_meet_stands_in_the_table() -> None:
    modules = (ml_pipeline.errors, predictions.errors, registry_ui.errors)
    met = {cls for cls in subclasses(CodesoftError) if cls.__module__ in {module.__name__ for module in modules}}
    missing = {cls.__name__ for cls in met if not any(base in STATUS for base in cls.__mro__ if base != CodesoftError)}
    assert missing == set()


def test_codes_are_unique_and_a_retryable_error_is_a_503_or_says_that_it_is_on_its_way() -> None:
    classes = [cls for cls in STATUS if cls is not CodesoftError]
    assert len({cls.code for cls in classes}) == len(classes)
    assert {STATUS[cls] for cls in classes if cls.retryable} <= {503, 429, 409, 202}


def test_a_request_that_failed_with_a_5xx_is_told_as_our_fault_and_no_other() -> None:
    met = {cls.code: status for cls, status in STATUS.items() if cls.__module__ == predictions.errors.__name__}
    ours = {code for code, status in met.items() if status >= 500}
    assert ours | {predictions.errors.FAULT} == predictions.errors.OUR_CODES


def test_a_subclass_has_its_nearest_base_s_status() -> None:
    class Special(ml_pipeline.errors.UnknownModel):
        pass

    assert status_of(Special("x")) == 404
    assert status_of(CodesoftError("x")) == 500


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_is_a_400_in_json_or_as_a_page(process: ServingProcess, path: str) -> None:
    response = Client(headers={"host": "evil.example"}).get(path)
    assert (response.status_code, response["Content-Type"]) == (400, PATHS[path])


@pytest.mark.parametrize("path", PATHS)
def test_a_fault_of_ours_is_a_500_without_its_text(
    process: ServingProcess, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("predictions.api.views.current", fail)
    monkeypatch.setattr("predictions.web.views.current", fail)
    monkeypatch.setattr("predictions.api.views.ModelsView.permission_classes", [])
    response = Client(raise_request_exception=False).get(path)

    assert (response.status_code, response["Content-Type"]) == (500, PATHS[path])
    assert b"secret" not in response.content
    if path.startswith("/api/"):
        assert response.json()["code"] == "internal_error"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("raised", [OperationalError("no connection"), DatabaseUnavailable("No place.")])
def test_a_database_that_does_not_answer_is_a_503_that_says_when_to_come_again(
    process: ServingProcess, monkeypatch: pytest.MonkeyPatch, path: str, raised: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr("predictions.api.views.current", fail)
    monkeypatch.setattr("predictions.web.views.current", fail)
    monkeypatch.setattr("predictions.api.views.ModelsView.permission_classes", [])
    response = Client(raise_request_exception=False).get(path)

    assert (response.status_code, response["Content-Type"]) == (503, PATHS[path])
    assert response["Retry-After"] == "5"
    assert b"no connection" not in response.content


def test_a_middleware_that_asks_a_database_which_does_not_answer_is_a_503_too(
    process: ServingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("no connection")

    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", fail)
    response = Client(raise_request_exception=False).get("/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")


def test_a_form_that_is_too_large_is_a_413(live: ServingProcess, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    client = Client(enforce_csrf_checks=True)
    client.get("/models/spam/")
    response = client.post("/models/spam/", {"body": "x" * 200})
    assert response.status_code == 413
