"""The pages. Both forms of an address answer; a redirect would lose a form that was sent."""

from django.urls import path, re_path

from predictions.web.views import model_page, models_page, what_if

urlpatterns = [
    path("", models_page, name="models"),
    re_path(r"^models/(?P<model>[^/]+)/?$", model_page, name="model"),
    re_path(r"^models/(?P<model>[^/]+)/what-if/?$", what_if, name="what-if"),
]
