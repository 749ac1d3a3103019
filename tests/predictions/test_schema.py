"""The OpenAPI document: made from what is live, true about what is accepted and answered."""

import json
from html import unescape
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from ml_pipeline.environment import PROJECT_ROOT
from predictions.api.schema_errors import documented_errors
from predictions.serving.process import ServingProcess
from tests.bundles import build_wine_bundle
from tests.deployments import deploy
from tests.predictions.conftest import synchronise


@pytest.fixture
def document(client: Client, live: ServingProcess) -> dict[str, Any]:
    content: dict[str, Any] = client.get("/api/v1/schema").json()
    return content


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        path.split("/")[-2]: item["post"]
        for path, item in document["paths"].items()
        if path.startswith("/api/v1/models/") and path.endswith("/predictions")
    }


def test_every_live_model_has_its_own_path(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert set(operations(document)) == {"sentiment", "spam", "mortgage", "wine"}


def test_a_model_that_goes_live_appears(client: Client, process: ServingProcess) -> None:
    deploy("wine", None)
    synchronise(process)
    assert operations(client.get("/api/v1/schema").json()) == {}
    deploy("wine", build_wine_bundle())
    synchronise(process)
    assert set(operations(client.get("/api/v1/schema").json())) == {"wine"}


def test_examples_fit_the_schema_and_are_answered_as_the_schema_says(document: dict[str, Any], api: Client) -> None:
    for model, operation in operations(document).items():
        content = operation["requestBody"]["content"]["application/json"]
        answer_schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert set(content["examples"]) == {"one_row", "several_rows"}
        for example in content["examples"].values():
            Draft202012Validator(content["schema"]).validate(example["value"])
            response = api.post(
                f"/api/v1/models/{model}/predictions", json.dumps(example["value"]), content_type="application/json"
            )
            assert response.status_code == 200
            Draft202012Validator(answer_schema).validate(response.json())


def test_what_the_service_refuses_the_schema_refuses(document: dict[str, Any]) -> None:
    schema = operations(document)["spam"]["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator(schema)
    bad = [
        {}, {"inputs": {}}, {"inputs": []}, {"inputs": {"body": None}}, {"inputs": {"body": "a", "words": "b"}},
        {"inputs": {"body": "a\x00"}}, {"inputs": {"body": 5}}, {"inputs": {"body": "a"}, "x": 1},
        {"inputs": {"body": "x" * 20_001}}, {"inputs": {"body": "a"}, "entity_id": ""},
    ]  # fmt: skip
    assert [body for body in bad if validator.is_valid(body)] == []


def test_every_error_is_declared_and_references_resolve(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        assert set(operation["responses"]) == set("200 400 401 403 404 405 409 413 415 422 429 500 503".split())
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        node: Any = document
        for key in reference.split("/"):
            node = node[key]


def test_every_route_gives_an_example_of_each_of_its_errors(document: dict[str, Any]) -> None:
    validator = Draft202012Validator(document["components"]["schemas"]["Error"])
    status_of = {error.code: error.status for error in documented_errors()}
    told = set()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            refusals = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
            assert {"401", "405"} <= set(refusals), path
            for status, answer in refusals.items():
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}
                for code, example in content["examples"].items():
                    validator.validate(example["value"])
                    assert (example["value"]["code"], status_of[code]) == (code, int(status))
                    told.add(code)
            assert set(operation["x-error-codes"]) <= set(status_of), path
    assert {"invalid_inputs", "four_eyes", "run_active", "unknown_run", "authentication_failed"} <= told


def test_pages_for_people_tell_of_every_error_and_what_to_do(client: Client, live: ServingProcess) -> None:
    page = unescape(client.get("/api/v1/docs").content.decode())
    written = (PROJECT_ROOT / "docs/api.md").read_text()
    for error in documented_errors():
        assert f"<code>{error.code}</code></td><td>{error.meaning}</td><td>{error.advice}</td>" in page
        assert f"| {error.status} | `{error.code}` | {error.meaning} | {error.advice} |\n" in written
    assert written.partition("## Errors")[2].count("\n| ") == len(documented_errors()) + 1


def test_the_page_for_people_shows_every_live_model(client: Client, live: ServingProcess) -> None:
    page = client.get("/api/v1/docs").content.decode()
    for model in ("sentiment", "spam", "mortgage", "wine"):
        assert f"/api/v1/models/{model}/predictions" in page
    assert "curl" in page
