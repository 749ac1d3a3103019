"""The product's URLs and the constant, which stands under the API: it passes the middlewares that the API passes."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from codesoft.urls import handler400, handler403, handler404, handler500
from codesoft.urls import urlpatterns as product
from predictions.api.base import ApiView

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class ConstantView(ApiView):
    """A view as DRF's tutorial writes it, with DRF's own way through a request, which `ApiView` shortens.

    It is an `ApiView` by name alone, so that it takes the API's short way through the middlewares. It neither reads the
    body nor asks who calls.
    """

    initialize_request = APIView.initialize_request
    initial = APIView.initial
    finalize_response = APIView.finalize_response  # type: ignore[assignment] # it returns less than ApiView's may
    default_response_headers = APIView.default_response_headers

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        return Response({"label": "positive", "probability": 0.5})


def constant_django(request: HttpRequest) -> HttpResponse:
    """The same without DRF."""
    return HttpResponse(b'{"label":"positive","probability":0.5}', content_type="application/json")


urlpatterns = [
    path("api/v1/constant/predictions", ConstantView.as_view()),
    path("api/v1/constant-django/predictions", constant_django),
    *product,
]
