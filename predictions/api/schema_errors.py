"""Errors in the OpenAPI document: for each route and status the codes that can come, each with an example.

A route names its codes in `x-error-codes`, which stays in the document for programs. Which status a code has, what it
means and what to do is the composition root's table, by the setting `API_ERRORS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from predictions.api.schema_components import LIMIT_HEADERS

CODES = "x-error-codes"
# What every route can answer, whatever it does.
EVERYWHERE = (
    "bad_request", "not_authenticated", "authentication_failed", "scope_missing", "method_not_allowed",
    "internal_error", "not_ready",
)  # fmt: skip
EVERYWHERE_ON_A_MODEL = (*EVERYWHERE, "unknown_model")
WITH_A_BODY = ("malformed_body", "invalid_request", "body_too_large", "unsupported_media_type")
WITH_A_KEY = (
    "invalid_idempotency_key", "idempotency_key_reused", "answer_in_progress", "idempotency_unavailable",
    "malformed_body", "body_too_large",
)  # fmt: skip

_WAITS = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
_HEADERS = {429: {**LIMIT_HEADERS, **_WAITS}, 202: _WAITS, 503: _WAITS}
_METHODS = ("get", "post", "put", "patch", "delete")

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentedError:
    """`meaning` and `advice` are sentences for people."""

    code: str
    status: int
    meaning: str
    advice: str


def documented_errors() -> list[DocumentedError]:
    """The table of the composition root, by status and code."""
    return list(import_string(settings.API_ERRORS)())


def document_errors(paths: Mapping[str, Mapping[str, Schema]], examples: Mapping[str, Schema]) -> None:
    """Write the error responses of every operation in `paths`.

    `examples` are bodies by code; a code without one has its meaning for a message. A status for which an operation
    names no code is given all codes that have it.
    """
    known: dict[int, list[DocumentedError]] = {}
    for error in documented_errors():
        known.setdefault(error.status, []).append(error)
    for operation in _operations(paths):
        for status, errors in known.items():
            named = [error for error in errors if error.code in operation.get(CODES, ())]
            if named or (status >= HTTPStatus.BAD_REQUEST and str(status) in operation["responses"]):
                operation["responses"][str(status)] = _response(named or errors, examples)


def _operations(paths: Mapping[str, Mapping[str, Schema]]) -> Iterator[Schema]:
    for path in paths.values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def _response(errors: list[DocumentedError], examples: Mapping[str, Schema]) -> Schema:
    headers = _HEADERS.get(errors[0].status)
    return {
        **({"headers": headers} if headers else {}),
        "description": "\n".join(f"- `{error.code}`: {error.meaning} {error.advice}" for error in errors),
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": {
                    error.code: {"summary": error.meaning, "value": examples.get(error.code) or _example(error)}
                    for error in errors
                },
            }
        },
    }


def _example(error: DocumentedError) -> Schema:
    return {"code": error.code, "message": f"{error.meaning} {error.advice}", "details": {}}
