"""The pages of one's own API tokens. Both forms of an address answer."""

from django.urls import re_path

from registry_ui.web.tokens import revoke_page, tokens_page

urlpatterns = [
    re_path(r"^tokens/?$", tokens_page, name="tokens"),
    re_path(r"^tokens/(?P<fingerprint>[0-9a-f]{16})/revoke/?$", revoke_page, name="token-revoke"),
]
