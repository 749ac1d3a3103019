"""Every error of the API as `{"code", "message", "details"}`."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from codesoft.error_status import error_of_ours, retry_headers, status_of


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The response to an exception of a view; None lets a fault of ours become a 500 (`codesoft.error_pages`)."""
    if (ours := error_of_ours(error)) is not None:
        body = error_body(ours.code, str(ours), ours.details)
        return Response(body, status=status_of(ours), headers=retry_headers(ours))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return Response(_framework_body(error), status=error.status_code, headers=_headers(error))
    return None


def error_body(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "details": dict(details or {})}


def _framework_body(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error.detail, str):
        return error_body(error.default_code, error.detail)
    fields = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    return error_body(error.default_code, "The request is not valid.", {"fields": fields})


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    return headers
