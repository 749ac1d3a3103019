"""The product's URLs and the constant, which stands under the API: it passes the middlewares that the API passes."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from codesoft.urls import handler400, handler403, handler404, handler500
from codesoft.urls import urlpatterns as product

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class ConstantView(APIView):
    """A view as the tutorial writes it: it neither reads the body nor asks who calls."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        return Response({"label": "positive", "probability": 0.5})


def constant_django(request: HttpRequest) -> HttpResponse:
    """The same without DRF."""
    return HttpResponse(b'{"label":"positive","probability":0.5}', content_type="application/json")


urlpatterns = [
    path("api/v1/constant", ConstantView.as_view()),
    path("api/v1/constant-django", constant_django),
    *product,
]
