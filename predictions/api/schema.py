"""The OpenAPI document: one prediction path a live model, with its own inputs, labels and examples.

What the other applications serve is read from their views; paths of models come from the bundles that serve now, so a
promotion changes the document and a new model appears in it.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from predictions.api.requests import ENTITY_ID_LENGTH
from predictions.api.schema_components import COMPONENTS, IDEMPOTENCY_KEY, LIMIT_HEADERS, error_responses
from predictions.api.schema_inputs import row_schema
from predictions.api.versions import PARAMETER
from predictions.route_names import CANARY, CHAMPION, NAMED
from predictions.serving import current
from predictions.serving.routing import LiveModel, LiveVersion

SECURITY: list[dict[str, list[str]]] = [{"token": []}]
_SHOWN_ROWS = 2
_VERSION: dict[str, Any] = {
    "name": PARAMETER,
    "in": "query",
    "required": False,
    "description": "Ask this version: the champion, the canary, or one of the last champions. It needs a token that "
    "may manage the model; a version that nobody approved cannot be asked.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
}

Schema = dict[str, Any]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the views of other applications name the same header."""

    target_class = "predictions.authentication.SnapshotTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        return dict(COMPONENTS["securitySchemes"]["token"])


def build_schema(request: Request) -> Schema:
    """OpenAPI 3.1 of all views and of every model that is live at this moment."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    document: Schema = generator.get_schema(request=request, public=True)  # type: ignore[no-untyped-call]
    document["paths"] = {**_model_paths(), **document.get("paths", {})}
    components = document.setdefault("components", {})
    for kind, entries in COMPONENTS.items():
        components[kind] = {**components.get(kind, {}), **entries}
    return document


def _model_paths() -> Schema:
    models = current().models
    paths: Schema = {"/api/v1/models": {"get": _list_operation()}}
    if models:
        paths["/api/v1/models/{model}"] = {"get": _detail_operation(models)}
    for live in models.values():
        if live.champion is not None:
            paths[f"/api/v1/models/{live.name}/predictions"] = {"post": _predict_operation(live, live.champion)}
    return paths


def _list_operation() -> Schema:
    return {
        "operationId": "list_models",
        "summary": "Models, live or not",
        "tags": ["models"],
        "security": SECURITY,
        "responses": {"200": _json("#/components/schemas/ModelList"), **error_responses(401, 403, 405, 503)},
    }


def _detail_operation(models: Mapping[str, LiveModel]) -> Schema:
    name = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "enum": list(models)}}
    return {
        "operationId": "get_model",
        "summary": "Inputs, live version and held-out metrics of a model",
        "tags": ["models"],
        "security": SECURITY,
        "parameters": [name],
        "responses": {"200": _json("#/components/schemas/Model"), **error_responses(401, 403, 404, 405, 503)},
    }


def _predict_operation(live: LiveModel, version: LiveVersion) -> Schema:
    bundle = version.bundle
    row = row_schema(bundle.inputs)
    return {
        "operationId": f"predict_{live.name.replace('-', '_')}",
        "summary": bundle.title,
        "description": f"{bundle.description}\n\nVersion {version.version} is live.".strip(),
        "tags": ["predictions"],
        "security": SECURITY,
        "parameters": [_VERSION, IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _request_schema(row), "examples": _request_examples(version)}},
        },
        "responses": {
            "200": {
                "description": "One prediction a row, in the order asked.",
                "headers": LIMIT_HEADERS,
                "content": {
                    "application/json": {
                        "schema": _response_schema(live.name, version),
                        "examples": {"one_row": {"value": example_answer(live.name, version)}},
                    }
                },
            },
            **error_responses(400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503),
        },
    }


def _request_schema(row: Schema) -> Schema:
    entity = {"type": "string", "minLength": 1, "maxLength": ENTITY_ID_LENGTH, "pattern": "^[^\\u0000]*$"}
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": settings.PREDICTION_ROW_LIMIT}
    one = "Whom or what the prediction is about. It is logged, and keeps one entity on one version."
    many = {"type": "array", "items": {**entity, "type": ["string", "null"]}, "minItems": 1}
    return {
        "oneOf": [
            _object({"inputs": row, "entity_id": {**entity, "type": ["string", "null"], "description": one}}),
            _object(
                {
                    "inputs": rows,
                    "entity_id": {
                        "description": f"{one} One for all rows, or a list with one for each.",
                        "oneOf": [{**entity, "type": ["string", "null"]}, many],
                    },
                }
            ),
        ]
    }


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": ["inputs"], "additionalProperties": False}


def _request_examples(version: LiveVersion) -> Schema:
    rows = [example_inputs(version, number) for number in range(len(version.bundle.golden_samples))]
    examples = {"one_row": {"summary": "One row", "value": {"inputs": rows[0]}}} if rows else {}
    if len(rows) >= _SHOWN_ROWS:
        examples["several_rows"] = {"summary": "Several rows", "value": {"inputs": rows[:_SHOWN_ROWS]}}
    return examples


def example_inputs(version: LiveVersion, number: int) -> Schema:
    """The inputs of a golden sample as a caller would send them: what is missing is left out."""
    inputs = version.bundle.golden_samples[number]["inputs"]
    return {name: value for name, value in inputs.items() if value is not None}


def example_answer(model: str, version: LiveVersion) -> Schema:
    """The answer to the first golden sample, with an id in the form of a real one."""
    answer = version.bundle.predict(
        version.bundle.validate([sample["inputs"] for sample in version.bundle.golden_samples[:1]])
    )
    prediction: Schema = {"id": "0198e4a2-7c10-7cc2-9d0c-3f6a1b2c4d5e"}
    for one in answer:
        prediction |= {"label": one.label, "probability": one.probability, "threshold": one.threshold}
        prediction |= {"version": version.version, "route": CHAMPION}
        if one.probabilities is not None:
            prediction["probabilities"] = one.probabilities
    return {"model": model, "version": version.version, "predictions": [prediction]}


def _response_schema(model: str, version: LiveVersion) -> Schema:
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    prediction: Schema = {
        "id": {"type": ["string", "null"], "format": "uuid", "description": "Null where it could not be logged."},
        "label": {"type": "string", "enum": list(version.bundle.labels)},
        "probability": probability,
        "threshold": probability if version.bundle.threshold is not None else {"type": "null"},
        "version": {"type": "integer", "description": "The version that answered this row."},
        "route": {
            "type": "string",
            "enum": [CHAMPION, CANARY, NAMED],
            "description": "Why that version: it is the champion, the canary for this entity, or the one you named.",
        },
        "warnings": {"type": "array", "items": {"type": "string"}},
    }
    required = ["id", "label", "probability", "threshold", "version", "route"]
    if len(version.bundle.labels) > 2:
        prediction["probabilities"] = {"type": "object", "additionalProperties": probability}
        required.append("probabilities")
    return {
        "type": "object",
        "required": ["model", "version", "predictions"],
        "properties": {
            "model": {"type": "string", "const": model},
            "version": {
                "type": "integer",
                "description": "The version of all rows. While a canary answers some of them, the champion's: each "
                "prediction names its own.",
            },
            "predictions": {
                "type": "array",
                "items": {"type": "object", "properties": prediction, "required": required},
            },
            "logged": {"type": "boolean", "description": "Only ever false: answered without a log row."},
        },
    }


def _json(reference: str) -> Schema:
    return {"description": "As asked.", "content": {"application/json": {"schema": {"$ref": reference}}}}
