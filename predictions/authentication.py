"""Tokens and what they may do, without a database: the token's digest is looked up in the serving snapshot."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from knox.crypto import hash_token
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from predictions.errors import ScopeMissing
from predictions.scopes import EVERY_SCOPE, MANAGE, READ
from predictions.serving import serving_process

SCHEME = "Token"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as `request.user` of the API: no database row is read for it.

    `token` is the digest of the token that was sent; `models` None is every model, `rate_limit` None the default.
    """

    pk: int
    username: str
    token: str = ""
    scopes: frozenset[str] = EVERY_SCOPE
    models: frozenset[str] | None = None
    rate_limit: int | None = None

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True

    def get_username(self) -> str:
        return self.username

    def may(self, scope: str, model: str | None = None) -> bool:
        """Whether the token has the scope on `model`; without a model, on any."""
        return scope in self.scopes and (self.models is None or model is None or model in self.models)

    def require(self, scope: str, model: str | None = None) -> None:
        """Raise ScopeMissing unless the token has the scope on `model`."""
        if not self.may(scope, model):
            where = f" on {model}" if model else ""
            raise ScopeMissing(
                f"This token does not have the scope {scope}{where}.",
                advice="Make a token that has it at /tokens/.",
                details={"scope": scope, "model": model},
            )


class SnapshotTokenAuthentication(BaseAuthentication):
    """`Authorization: Token …`. A revoked token stops within a second while the database answers."""

    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        parts = request._request.META.get("HTTP_AUTHORIZATION", "").split()
        if not parts or parts[0].lower() != SCHEME.lower():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("The header must read: Authorization: Token <token>.")
        try:
            digest = hash_token(parts[1])
        except UnicodeEncodeError as error:
            raise AuthenticationFailed("The token is not valid.") from error
        process, now = serving_process(), time.time()
        grant = process.live_models.current.snapshot.tokens.get(digest)
        if grant is None or (grant.expires_at is not None and grant.expires_at <= now):
            raise AuthenticationFailed("The token is not valid: unknown, revoked or expired.")
        process.token_uses.note(digest, now)
        return Caller(grant.user_id, grant.username, digest, grant.scopes, grant.models, grant.rate_limit), digest

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


def caller_of(request: Request) -> Caller:
    """Who was let in: the API knows no other authentication."""
    return cast(Caller, request.user)


class HasScope(BasePermission):
    """The token has the scope that the view wants, on the model that the address names.

    A view may say which scope a method wants (`scopes`); else reading wants `read`, and all else `manage`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        method = str(request.method)
        if not hasattr(view, method.lower()):
            return True  # the answer is a 405, whatever the token may do
        declared: Mapping[str, str] = getattr(view, "scopes", {})
        scope = declared.get(method) or (READ if method in SAFE_METHODS else MANAGE)
        caller_of(request).require(scope, view.kwargs.get("model"))
        return True
