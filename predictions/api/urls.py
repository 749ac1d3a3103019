"""URLs under `/api/v1/`. A trailing slash changes nothing: a redirect would answer a POST with HTML."""

from django.urls import path, re_path

from predictions.api.views import ModelsView, ModelView, PredictionsView, SchemaView
from predictions.web.docs import api_docs

urlpatterns = [
    re_path(r"^models/?$", ModelsView.as_view(), name="api-models"),
    re_path(r"^models/(?P<model>[^/]+)/?$", ModelView.as_view(), name="api-model"),
    re_path(r"^models/(?P<model>[^/]+)/predictions/?$", PredictionsView.as_view(), name="api-predictions"),
    re_path(r"^schema/?$", SchemaView.as_view(), name="api-schema"),
    path("docs", api_docs, name="api-docs"),
    path("docs/", api_docs),
]
