"""The doors to a model's versions, and to what it served at a moment."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from registry_ui.api.base import BEFORE, as_json, before_given, fails, page_of
from registry_ui.api.version_shapes import ServedShape, VersionShape, VersionsShape
from registry_ui.moments import past_moment_parse
from registry_ui.selectors import deployment_get, served_at, version_get, versions_of
from registry_ui.services.access import VIEW, Actor


class VersionsView(ApiView):
    """`GET /api/v1/models/<model>/versions`"""

    @extend_schema(
        operation_id="list_versions",
        tags=["registry"],
        parameters=[BEFORE],
        responses={200: VersionsShape},
        extensions=fails("invalid_request"),
    )
    def get(self, request: Request, model: str) -> Response:
        """Versions of a model, newest first, at most 100; `older` is the address of those before."""
        deployment = deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        found = versions_of(model=model)
        if (before := before_given(request)) is not None:
            found = found.filter(number__lt=before)
        shown, older = page_of(found, request, last=lambda version: version.number)
        shape = VersionsShape(
            model=model,
            generation=deployment.generation,
            champion=deployment.champion_version,
            canary=deployment.canary_version,
            canary_share=deployment.canary_share,
            shadow=deployment.shadow_version,
            versions=[VersionShape.of(version) for version in shown],
            older=older,
        )
        return as_json(shape)


class VersionView(ApiView):
    """`GET /api/v1/models/<model>/versions/<number>`"""

    @extend_schema(
        operation_id="get_version",
        tags=["registry"],
        responses={200: VersionShape},
        extensions=fails("unknown_version"),
    )
    def get(self, request: Request, model: str, number: str) -> Response:
        """One version, with its metrics and the recommendation."""
        version = version_get(model=model, number=int(number))
        Actor.person(request.user).require(VIEW, model)
        return as_json(VersionShape.of(version))


class ServedView(ApiView):
    """`GET /api/v1/models/<model>/served?at=<moment>`"""

    @extend_schema(
        operation_id="get_served",
        tags=["registry"],
        parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME, required=True, description="A past moment.")],
        responses={200: ServedShape},
        extensions=fails("invalid_request"),
    )
    def get(self, request: Request, model: str) -> Response:
        """What the model served at a moment, who decided that, and why. A version's first moment belongs to it."""
        Actor.person(request.user).require(VIEW, model)
        at = past_moment_parse(request.query_params.get("at", ""), field="at")
        return as_json(ServedShape.of(served_at(at=at, model=model)[0], at))
