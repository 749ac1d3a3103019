"""The API's page for people: what to send and what comes back, for every live model."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from predictions.api.presenting import present_input
from predictions.api.schema import build_schema, example_answer, example_inputs
from predictions.api.schema_errors import documented_errors
from predictions.serving import current
from predictions.serving.routing import LiveModel, LiveVersion
from predictions.web.snippets import snippets
from predictions.web.views import login_where_needed, takes

_NOT_LIMITS = ("title", "help", "type", "required", "values")


@takes("GET", "HEAD")
@login_where_needed
def api_docs(request: HttpRequest) -> HttpResponse:
    context = {
        "models": [
            _described(request, live, live.champion) for live in current().models.values() if live.champion is not None
        ],
        "routes": _routes(),
        "errors": documented_errors(),
        "base": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "predictions/docs.html", context)


def _routes() -> list[tuple[str, str, str]]:
    """Method, path and purpose of every operation in the OpenAPI document."""
    return [
        (method.upper(), path, operation.get("summary") or operation.get("description", "").split("\n")[0])
        for path, operations in build_schema()["paths"].items()
        for method, operation in operations.items()
    ]


def _described(request: HttpRequest, live: LiveModel, version: LiveVersion) -> dict[str, Any]:
    url = reverse("api-predictions", args=[live.name]).rstrip("/")
    example = example_inputs(version, 0) if version.bundle.golden_samples else {}
    return {
        "name": live.name,
        "title": version.bundle.title,
        "description": version.bundle.description,
        "version": version.version,
        "labels": version.bundle.labels,
        "url": url,
        "inputs": [_input_line(name, present_input(field)) for name, field in version.bundle.inputs.items()],
        "scope": f"{live.name}-",
        "snippets": snippets(request.build_absolute_uri(url), example),
        "answer": json.dumps(example_answer(live.name, version), indent=2, ensure_ascii=False),
    }


def _input_line(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    limits = [f"{key.replace('_', ' ')} {value}" for key, value in declared.items() if key not in _NOT_LIMITS]
    if values := declared.get("values"):
        limits.append("one of " + ", ".join(values))
    return {**declared, "name": name, "limits": "; ".join(limits)}
