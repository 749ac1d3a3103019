"""The doors to pipeline runs: ask for one, follow it, cancel it."""

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.base import ApiView
from predictions.api.idempotent import idempotent
from predictions.api.schema_errors import WITH_A_KEY
from registry_ui.api.base import KEY, as_json, fails, page_of
from registry_ui.api.run_shapes import RunDetailShape, RunShape, RunsShape
from registry_ui.models import Trigger
from registry_ui.selectors import deployment_get, run_get, runs_of
from registry_ui.services.access import VIEW, Actor
from registry_ui.services.runs import run_cancel, run_request


class RunsView(ApiView):
    """`GET` and `POST /api/v1/models/<model>/runs`"""

    @extend_schema(
        operation_id="list_runs",
        tags=["runs"],
        parameters=[
            OpenApiParameter("before", OpenApiTypes.UUID, description="Those older than this run; see `older`.")
        ],
        responses={200: RunsShape},
        extensions=fails("unknown_run"),
    )
    def get(self, request: Request, model: str) -> Response:
        """Runs of a model, newest first, at most 100; `older` is the address of those before."""
        deployment_get(model=model)
        Actor.person(request.user).require(VIEW, model)
        named = request.query_params.get("before")
        before = run_get(model=model, run_id=named).created_at if named is not None else None
        shown, older = page_of(runs_of(model=model, before=before), request, last=lambda run: run.pk)
        return as_json(RunsShape(model=model, runs=[RunShape.of(run) for run in shown], older=older))

    @extend_schema(
        operation_id="request_run",
        tags=["runs"],
        request=None,
        parameters=[KEY],
        responses={202: RunShape},
        extensions=fails("run_active", *WITH_A_KEY),
    )
    @idempotent
    def post(self, request: Request, model: str) -> Response:
        """Train the model anew. 409 names the run that is active already."""
        run = run_request(model=model, actor=Actor.person(request.user), trigger=Trigger.API)
        place = reverse("api-run", kwargs={"model": model, "run": str(run.pk)})
        return as_json(RunShape.of(run), status=202, headers={"Location": place})


class RunView(ApiView):
    """`GET /api/v1/models/<model>/runs/<id>`"""

    @extend_schema(
        operation_id="get_run", tags=["runs"], responses={200: RunDetailShape}, extensions=fails("unknown_run")
    )
    def get(self, request: Request, model: str, run: str) -> Response:
        """How far a run is, and what came of it."""
        Actor.person(request.user).require(VIEW, model)
        return as_json(RunDetailShape.of(run_get(model=model, run_id=run)))


class CancellationView(ApiView):
    """`POST /api/v1/models/<model>/runs/<id>/cancellation`"""

    @extend_schema(
        operation_id="cancel_run",
        tags=["runs"],
        request=None,
        parameters=[KEY],
        responses={200: RunShape},
        extensions=fails("unknown_run", "wrong_state", *WITH_A_KEY),
    )
    @idempotent
    def post(self, request: Request, model: str, run: str) -> Response:
        """Cancel a queued or running run."""
        return as_json(RunShape.of(run_cancel(model=model, run_id=run, actor=Actor.person(request.user))))
