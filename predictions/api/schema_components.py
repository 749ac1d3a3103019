"""The fixed parts of the OpenAPI document: the error, its responses, and the shapes of the model pages."""

from typing import Any

_TEXT = {"type": "string"}
_VERSION = {"type": ["integer", "null"], "description": "The live version; null where none is."}

_SUMMARY: dict[str, Any] = {"name": _TEXT, "title": _TEXT, "description": _TEXT, "version": _VERSION}

ERRORS: dict[int, tuple[str, str]] = {
    400: (
        "BadRequest",
        "The body is not strict JSON (`malformed_body`), not a prediction request (`invalid_request`), or inputs break "
        "the model's limits (`invalid_inputs`, with every bad field of every bad row). Nothing was predicted.",
    ),
    401: ("Unauthorized", "No token, or one that is unknown, revoked or expired."),
    403: (
        "Forbidden",
        "The token lacks the scope, or has it on other models (`scope_missing`; `?version=` wants `manage`).",
    ),
    404: ("NotFound", "No model of that name, or none of its versions that can be asked for (`unknown_version`)."),
    405: ("MethodNotAllowed", "Another method is needed; `Allow` names it."),
    409: (
        "Conflict",
        "The same request, under the same `Idempotency-Key`, is being answered (`answer_in_progress`), or the bundle "
        "of the version that you chose is not in memory (`version_not_served`). Try again.",
    ),
    413: ("TooLarge", "The body (`body_too_large`) or the number of rows (`too_many_rows`) is beyond the limit."),
    415: ("UnsupportedMediaType", "The body must be `application/json`."),
    422: ("KeyReused", "The `Idempotency-Key` was used for another request in the last 24 hours."),
    429: (
        "TooManyRequests",
        "More requests a minute than the token or the model is allowed (`rate_limited`). Nothing was predicted; "
        "`Retry-After` says when to come back.",
    ),
    503: (
        "Unavailable",
        "No live version (`no_live_version`), a full log (`spool_full`), a process that has just started "
        "(`not_ready`), or a database that does not answer (`idempotency_unavailable`; only where a key was sent). "
        "Try again later.",
    ),
}

LIMIT_HEADERS: dict[str, Any] = {
    name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit-Policy", "RateLimit")
}


def _response(status: int, description: str) -> dict[str, Any]:
    waits = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    headers = {429: {**LIMIT_HEADERS, **waits}, 503: waits}.get(status)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"description": description, "content": content, **({"headers": headers} if headers else {})}


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
    "responses": {name: _response(status, description) for status, (name, description) in ERRORS.items()},
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


def error_responses(*statuses: int) -> dict[str, Any]:
    """References to the shared responses of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/{ERRORS[status][0]}"} for status in statuses}
