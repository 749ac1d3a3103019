"""Every route of the API, as the URLs have them, against what no caller should send: an error in JSON, never a 500.

A new route comes under it by itself. What it answers must be declared in the OpenAPI document.
"""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from codesoft.error_pages import API_PREFIX
from predictions.api.base import ApiView
from predictions.serving.process import ServingProcess
from registry_ui.models import ModelVersion

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A signature proves its caller; the document is as open as the forms.
WITHOUT_TOKEN = {"api-mlflow-hook", "api-schema"}
UNDECLARED = {"api-mlflow-hook", "api-schema"}
SAMPLES = ("1", str(uuid.UUID(int=1)))
LIMIT = 4_000
DEEP = 100_000

# name, content type, body, statuses of a route that reads a body
BODIES: list[tuple[str, str, bytes, set[int]]] = [
    ("a form", "application/x-www-form-urlencoded", b"a=1", {415}),
    ("a file", "multipart/form-data; boundary=x", b"--x--", {415}),
    ("plain text", "text/plain", b"{}", {415}),
    ("XML", "application/xml", b"<a/>", {415}),
    ("no type", "", b"{}", {415}),
    ("empty", "application/json", b"", {400}),
    ("cut off", "application/json", b'{"a": "b', {400}),
    ("bad UTF-8", "application/json", b'{"a": "\xff"}', {400}),
    ("UTF-16", "application/json", '{"a": 1}'.encode("utf-16"), {400}),
    ("a repeated key", "application/json", b'{"a": 1, "a": 2}', {400}),
    ("NaN", "application/json", b'{"a": NaN}', {400}),
    ("Infinity", "application/json", b'{"a": -Infinity}', {400}),
    ("an absurd integer", "application/json", b'{"a": 1' + b"0" * 3_900 + b"}", {400}),
    ("a list", "application/json", b"[]", {400}),
    ("null", "application/json", b"null", {400}),
    ("text", "application/json", b'"a"', {400}),
    ("a number", "application/json", b"5", {400}),
    ("unknown keys", "application/json", b'{"\\ud800": 1, "b": {"c": []}}', {400}),
    ("too large", "application/json", b'{"a": "%s"}' % (b"x" * LIMIT), {413}),
]
NESTED: list[tuple[str, str, bytes, set[int]]] = [
    ("nested lists", "application/json", b"[" * DEEP, {400}),
    ("nested objects", "application/json", b'{"a":' * DEEP + b"1" + b"}" * DEEP, {400}),
]


@dataclass(frozen=True)
class Route:
    """A view of the API and how to make an address of it."""

    name: str
    view: type[ApiView]
    groups: Sequence[str]

    def path(self, model: str = "sentiment") -> str:
        """An address with this model, if it has one, and for its other parts whatever they take."""
        for sample in SAMPLES:
            filled = {group: model if group == "model" else sample for group in self.groups}
            try:
                return reverse(self.name, kwargs=filled)
            except NoReverseMatch:
                continue
        raise AssertionError(f"no sample fits {self.name}: add one")

    @property
    def methods(self) -> list[str]:
        return [method for method in METHODS if hasattr(self.view, method.lower())]

    @property
    def writes(self) -> list[str]:
        return [method for method in self.methods if method not in ("GET", "DELETE")]


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[Route]:
    for item in resolver.url_patterns:
        place = prefix + str(item.pattern).lstrip("^")
        if isinstance(item, URLResolver):
            yield from routes(item, place) if API_PREFIX.startswith(place) or place.startswith(API_PREFIX) else ()
        elif item.name and issubclass(_view(item), ApiView):
            yield Route(item.name, _view(item), tuple(item.pattern.regex.groupindex))


def _view(pattern: URLPattern) -> type:
    return getattr(pattern.callback, "cls", object)


ROUTES = list(routes(get_resolver()))
each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)


@pytest.fixture
def caller(api: Client, live: ServingProcess) -> Client:
    """Somebody who may do everything, also decide about a version; faults become the 500 that a caller would see."""
    ModelVersion.objects.create(model="sentiment", number=1, bundle_hash="0" * 64, data_hash="0" * 64)
    User.objects.filter(username="caller").update(is_superuser=True)
    live.live_models.refresh()
    api.raise_request_exception = False
    return api


@pytest.fixture
def declared(caller: Client) -> dict[str, Any]:
    return dict(caller.get("/api/v1/schema").json()["paths"])


def assert_told(response: Any, route: Route, method: str, declared: dict[str, Any], statuses: set[int]) -> None:
    """An error in JSON, of one of these statuses, which the document has for this route."""
    assert response.status_code in statuses, (response.status_code, response.content[:300])
    assert response["Content-Type"] == "application/json"
    content = json.loads(response.content)
    assert set(content) == {"code", "message", "details"}
    assert content["message"]
    if route.name not in UNDECLARED:
        assert str(response.status_code) in operation(declared, response.request["PATH_INFO"], method)["responses"]


def operation(declared: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """A path without variables first: `…/sentiment/predictions` has its own."""
    for template in sorted(declared, key=lambda template: template.count("{")):
        pattern = re.sub(r"\{\w+\}", "[^/]+", template.rstrip("/"))
        if re.fullmatch(pattern, path) and method.lower() in declared[template]:
            return dict(declared[template][method.lower()])
    raise AssertionError(f"{method} {path} is not among {list(declared)}")


def reads_a_body(declared: dict[str, Any], route: Route, method: str) -> bool:
    return route.name not in UNDECLARED and "requestBody" in operation(declared, route.path(), method)


def test_the_routes_are_found() -> None:
    assert {"api-models", "api-predictions", "api-decisions", "api-mlflow-hook"} <= {route.name for route in ROUTES}


@each_route
def test_another_method_is_refused_and_the_right_ones_are_named(caller: Client, route: Route) -> None:
    for method in {*METHODS, "TRACE", "BREW"} - set(route.methods):
        response = caller.generic(method, route.path())
        assert response.status_code == 405, method
        assert response.json()["code"] == "method_not_allowed"
        assert set(route.methods) <= set(response["Allow"].split(", "))


@each_route
def test_who_cannot_be_told_gets_nowhere(declared: dict[str, Any], route: Route) -> None:
    if route.name in WITHOUT_TOKEN:
        return
    for header in ({}, {"authorization": "Token"}, {"authorization": "Token wrong"}, {"authorization": "Basic YTpi"}):
        for method in route.methods:
            for body in (b"", b"{", b"[" * DEEP):
                client = Client(headers=header, raise_request_exception=False)
                response = client.generic(method, route.path(), body, content_type="application/json")
                assert_told(response, route, method, declared, {401})
                assert response["WWW-Authenticate"] == "Token"


@each_route
def test_a_model_that_nobody_knows_is_not_found(caller: Client, route: Route) -> None:
    if "model" not in route.groups:
        return
    for method in route.methods:
        response = caller.generic(method, route.path("nothing"), b"{", content_type="application/json")
        # what else is wrong with the request may be told first
        assert response.json()["code"] in {"unknown_model", "unknown_version", "unknown_run", "invalid_request"}
        assert response.status_code in {400, 404}


@each_route
def test_a_body_that_should_not_be_sent_is_refused(
    caller: Client, declared: dict[str, Any], route: Route, settings: Any
) -> None:
    for limit, bodies in ((LIMIT, BODIES), (10 * DEEP, NESTED)):
        settings.PREDICTION_BODY_LIMIT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = limit
        for method in route.writes:
            for name, content_type, body, statuses in bodies:
                for response in _sent(caller, method, route.path(), body, content_type):
                    assert response.status_code < 500, (name, response.content[:300])
                    if reads_a_body(declared, route, method):
                        absent = {404} if set(route.groups) - {"model", "number"} else set()  # may be told first
                        assert_told(response, route, method, declared, statuses | absent)


def _sent(client: Client, method: str, path: str, body: bytes, content_type: str) -> Iterator[Any]:
    """With its length, and in chunks, as gunicorn hands them on."""
    yield client.generic(method, path, body, content_type=content_type)
    chunks = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(body), "CONTENT_TYPE": content_type}
    yield client.generic(method, path, b"", **chunks)
