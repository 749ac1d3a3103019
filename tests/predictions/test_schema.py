"""The OpenAPI document: made from what is live, true about what is accepted and answered."""

import json
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

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
        assert set(operation["responses"]) == {
            "200", "400", "401", "403", "404", "405", "409", "413", "415", "422", "503"
        }  # fmt: skip
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        node: Any = document
        for key in reference.split("/"):
            node = node[key]


def test_the_page_for_people_shows_every_live_model(client: Client, live: ServingProcess) -> None:
    page = client.get("/api/v1/docs").content.decode()
    for model in ("sentiment", "spam", "mortgage", "wine"):
        assert f"/api/v1/models/{model}/predictions" in page
    assert "curl" in page
