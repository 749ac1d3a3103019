"""Every URL of the product. Probes are answered by a middleware, metrics on a port of their own."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("predictions.api.urls")),
    path("api/v1/", include("registry_ui.api.urls")),
    path("", include("registry_ui.web.urls")),
    path("", include("predictions.web.urls")),
]

handler400 = "codesoft.error_pages.bad_request"
handler403 = "codesoft.error_pages.forbidden"
handler404 = "codesoft.error_pages.not_found"
handler500 = "codesoft.error_pages.server_error"
