"""The fixed parts of the OpenAPI document: the error, the explanation, and the shapes of the model pages."""

from typing import Any

_TEXT = {"type": "string"}
_VERSION = {"type": ["integer", "null"], "description": "The live version; null where none is."}

_SUMMARY: dict[str, Any] = {"name": _TEXT, "title": _TEXT, "description": _TEXT, "version": _VERSION}

LIMIT_HEADERS: dict[str, Any] = {
    name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit-Policy", "RateLimit")
}


COMPONENTS: dict[str, dict[str, Any]] = {
    "securitySchemes": {
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": (
                "`Authorization: Token <token>`. Tokens are made at /tokens/, each with scopes on every model or some: "
                "`predict` asks for predictions, `feedback` reports what was right, `read` looks, `manage` changes."
            ),
        }
    },
    "schemas": {
        "Error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {**_TEXT, "description": "Stable, for programs."},
                "message": {**_TEXT, "description": "A sentence, for people."},
                "details": {"type": "object", "description": "The fields and rows concerned."},
            },
        },
        "Explanation": {
            "type": "object",
            "description": "What pushed the answer, in shares of probability: `baseline`, the contributions and `rest` "
            "add up to `probability`, which is that of `label`.",
            "required": [
                "source",
                "method",
                "label",
                "baseline",
                "probability",
                "threshold",
                "distance",
                "contributions",
                "rest",
            ],
            "properties": {
                "source": {"type": "string", "enum": ["exact", "permutation"]},
                "method": _TEXT,
                "label": _TEXT,
                "baseline": {"type": "number", "description": "The probability where the contributions start."},
                "probability": {"type": "number"},
                "threshold": {"type": ["number", "null"]},
                "distance": {"type": ["number", "null"], "description": "From the threshold to the probability."},
                "contributions": {
                    "type": "array",
                    "description": "The strongest, at most ten each way.",
                    "items": {
                        "type": "object",
                        "required": ["fields", "term", "contribution"],
                        "properties": {
                            "fields": {"type": "array", "items": _TEXT},
                            "term": {"type": ["string", "null"], "description": "A word; null for a whole field."},
                            "contribution": {"type": "number"},
                        },
                    },
                },
                "rest": {
                    "type": "object",
                    "description": "All others together.",
                    "required": ["count", "contribution"],
                    "properties": {"count": {"type": "integer"}, "contribution": {"type": "number"}},
                },
            },
        },
        "ModelList": {
            "type": "object",
            "required": ["models"],
            "properties": {
                "models": {
                    "type": "array",
                    "items": {"type": "object", "required": list(_SUMMARY), "properties": _SUMMARY},
                }
            },
        },
        "Model": {
            "type": "object",
            "required": [*_SUMMARY, "inputs", "labels", "threshold", "metrics"],
            "properties": {
                **_SUMMARY,
                "inputs": {"type": "object", "additionalProperties": {"type": "object"}},
                "labels": {"type": "array", "items": _TEXT},
                "threshold": {"type": ["number", "null"]},
                "metrics": {"type": "object", "additionalProperties": {"type": "number"}},
            },
        },
    },
    "headers": {
        "RateLimit-Policy": {
            "description": 'Requests (`q`) in any `w` seconds, of this token and of the model: `"token";q=600;w=60`. '
            "One request counts as one, whatever its number of rows.",
            "schema": _TEXT,
        },
        "RateLimit": {
            "description": 'What is left of each (`r`), and in how many seconds more comes (`t`): `"token";r=9;t=41`.',
            "schema": _TEXT,
        },
        "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    },
}


IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "The same request under the same key gets the same answer for 24 hours, marked `Idempotency-Replayed: true`. "
        "A fresh UUID for each request will do."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
