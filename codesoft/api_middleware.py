"""The short way of an API request. It has no session, no cookie, no form and no static file, so it passes none of the
middlewares that look for them: each costs every prediction a few microseconds.
"""

import time
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, get_resolver
from django_prometheus.middleware import Metrics
from prometheus_client import Counter, Histogram
from rest_framework.response import Response

from predictions.api.base import ApiView

_KNOWN_PATHS = 512
_KNOWN_HOSTS = 64  # a pattern may allow as many names as a caller thinks of


class ApiMiddleware:
    """Answers what an `ApiView` serves; everything else goes on to the middlewares below.

    A fault of ours, and a host that is not allowed, are answered by Django's handlers, as elsewhere.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._redirects = settings.SECURE_SSL_REDIRECT
        self._hsts = f"max-age={settings.SECURE_HSTS_SECONDS}" if settings.SECURE_HSTS_SECONDS else ""
        self._known_hosts: set[str] = set()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = _api_match(settings.ROOT_URLCONF, request.path_info)
        if match is None or (self._redirects and not request.is_secure()):
            return self._get_response(request)
        started = time.perf_counter()
        request.resolver_match = match
        try:
            self._check_host(request)
            response = _rendered(match.func(request, *match.args, **match.kwargs))
        except Exception as error:
            response = response_for_exception(request, error)
        if not response.streaming:
            response.headers["Content-Length"] = str(len(response.content))
        response.headers["X-Content-Type-Options"] = "nosniff"
        if self._hsts and request.is_secure():
            response.headers["Strict-Transport-Security"] = self._hsts
        _count(match.view_name or "", request.method or "", response.status_code, time.perf_counter() - started)
        return response

    def _check_host(self, request: HttpRequest) -> None:
        """DisallowedHost for a name that is not ours. Those that are were compared before, but for the first time."""
        host = request.META.get("HTTP_HOST", "")
        if host not in self._known_hosts:
            request.get_host()
            if len(self._known_hosts) < _KNOWN_HOSTS:
                self._known_hosts.add(host)


@lru_cache(maxsize=_KNOWN_PATHS)
def _api_match(urlconf: str, path: str) -> ResolverMatch | None:
    try:
        match = get_resolver(urlconf).resolve(path)
    except Resolver404:
        return None
    view = getattr(match.func, "cls", None)
    return match if isinstance(view, type) and issubclass(view, ApiView) else None


def _rendered(response: HttpResponse) -> HttpResponse:
    return response.render() if isinstance(response, Response) else response


def _count(view: str, method: str, status: int, seconds: float) -> None:
    """As django-prometheus counts the pages, under its names."""
    responses, latency = _counters(view, method, status)
    responses.inc()
    latency.observe(seconds)


@lru_cache(maxsize=_KNOWN_PATHS)
def _counters(view: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """Looked up once: finding the child of some labels costs as much as counting. HTTP has few methods that we name."""
    metrics = Metrics.get_instance()
    method = method if method in ApiView.METHODS else "<invalid method>"
    return (
        metrics.responses_by_status_view_method.labels(status=str(status), view=view, method=method),
        metrics.requests_latency_by_view_method.labels(view=view, method=method),
    )
