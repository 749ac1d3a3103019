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

from ml_pipeline.errors import InvalidInputs
from predictions.api.presenting import present_predictions
from predictions.api.requests import ENTITY_ID_LENGTH, FLAGS
from predictions.api.schema_components import COMPONENTS, IDEMPOTENCY_KEY, LIMIT_HEADERS
from predictions.api.schema_errors import (
    CODES,
    EVERYWHERE,
    EVERYWHERE_ON_A_MODEL,
    WITH_A_BODY,
    WITH_A_KEY,
    document_errors,
)
from predictions.api.schema_inputs import row_schema
from predictions.api.versions import PARAMETER
from predictions.route_names import CANARY, CHAMPION, FALLBACK, NAMED
from predictions.services import EXPLAINED_BY_ASKING, Predicted
from predictions.serving import current
from predictions.serving.routing import LiveModel, LiveVersion, Routed

SECURITY: list[dict[str, list[str]]] = [{"token": []}]
_SHOWN_ROWS = 2
_EXAMPLE_ID = "0198e4a2-7c10-7cc2-9d0c-3f6a1b2c4d5e"
_PREDICTION_ERRORS = (
    "invalid_inputs",
    "too_many_rows",
    "no_live_version",
    "spool_full",
    "model_failed",
    "not_a_number",
    "rate_limited",
    "unknown_version",
    "version_not_served",
)
_VERSION: dict[str, Any] = {
    "name": PARAMETER,
    "in": "query",
    "required": False,
    "description": "Ask this version: the champion, the canary, or one of the last champions. It needs a token that "
    "may manage the model; a version that nobody approved cannot be asked.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
}
_EXPLAIN: dict[str, Any] = {
    "name": "explain",
    "in": "query",
    "description": "Add to each prediction what pushed it. Exact where the model is linear; else estimated, "
    f"for at most {EXPLAINED_BY_ASKING} rows a request.",
    "schema": {"type": "string", "enum": list(FLAGS), "default": "false"},
}

Schema = dict[str, Any]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the views of other applications name the same header."""

    target_class = "predictions.authentication.SnapshotTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        return dict(COMPONENTS["securitySchemes"]["token"])


def build_schema(request: Request | None = None) -> Schema:
    """OpenAPI 3.1 of all views and of every model that is live at this moment."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    document: Schema = generator.get_schema(request=request, public=True)  # type: ignore[no-untyped-call]
    document["paths"] = {**_model_paths(), **document.get("paths", {})}
    document_errors(document["paths"], {"invalid_inputs": _refused_inputs()})
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


def _refused_inputs() -> Schema:
    """What a live model says to a row with an input that it does not have; nothing where none is live."""
    for live in current().models.values():
        if live.champion is not None:
            try:
                live.champion.bundle.validate([{"no_such_input": 1}])
            except InvalidInputs as refused:
                return {"code": refused.code, "message": str(refused), "details": refused.details}
    return {}


def _list_operation() -> Schema:
    return {
        "operationId": "list_models",
        "summary": "Models, live or not",
        "tags": ["models"],
        "security": SECURITY,
        CODES: list(EVERYWHERE),
        "responses": {"200": _json("#/components/schemas/ModelList")},
    }


def _detail_operation(models: Mapping[str, LiveModel]) -> Schema:
    name = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "enum": list(models)}}
    return {
        "operationId": "get_model",
        "summary": "Inputs, live version and held-out metrics of a model",
        "tags": ["models"],
        "security": SECURITY,
        "parameters": [name],
        CODES: list(EVERYWHERE_ON_A_MODEL),
        "responses": {"200": _json("#/components/schemas/Model")},
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
        "parameters": [_EXPLAIN, _VERSION, IDEMPOTENCY_KEY],
        CODES: [*EVERYWHERE_ON_A_MODEL, *WITH_A_BODY, *WITH_A_KEY, *_PREDICTION_ERRORS],
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
                        "examples": {
                            "one_row": {"summary": "One row", "value": example_answer(live.name, version)},
                            "explained": {
                                "summary": "One row, explained",
                                "value": example_answer(live.name, version, explain=True),
                            },
                        },
                    }
                },
            },
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


def example_answer(model: str, version: LiveVersion, *, explain: bool = False) -> Schema:
    """The answer to the first golden sample, with an id in the form of a real one."""
    bundle = version.bundle
    rows = bundle.validate([sample["inputs"] for sample in bundle.golden_samples[:1]])
    explained = bundle.explain(rows) if explain else []
    parts = [Routed(CHAMPION, version, range(len(rows)))]
    return present_predictions(
        Predicted(
            model=model,
            parts=parts,
            answers=[answer for answer, _ in explained] or bundle.predict(rows),
            ids=[_EXAMPLE_ID for _ in rows],
            explanations=[explanation for _, explanation in explained] or None,
        )
    )


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
            "enum": [CHAMPION, CANARY, FALLBACK, NAMED],
            "description": (
                "Why that version: it is the champion, the canary for this entity, the champion in the place of a "
                "canary that failed, or the one you named."
            ),
        },
        "warnings": {"type": "array", "items": {"type": "string"}},
        "explanation": {"$ref": "#/components/schemas/Explanation"},
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
