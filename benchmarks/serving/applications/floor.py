"""The floor: reads the request, and answers with a constant."""

from collections.abc import Callable
from typing import Any

BODY = b'{"label":"positive","probability":0.5}'
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", HEADERS)
    return [BODY]
