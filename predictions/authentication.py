"""Token authentication without a database: the token's digest is looked up in the serving snapshot."""

import time
from dataclasses import dataclass

from knox.crypto import hash_token
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from predictions.serving import current

SCHEME = "Token"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as `request.user` of the prediction API: no database row is read for it."""

    pk: int
    username: str
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True

    def get_username(self) -> str:
        return self.username


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
        grant = current().snapshot.tokens.get(digest)
        if grant is None or (grant.expires_at is not None and grant.expires_at <= time.time()):
            raise AuthenticationFailed("The token is not valid: unknown, revoked or expired.")
        return Caller(grant.user_id, grant.username), digest

    def authenticate_header(self, request: Request) -> str:
        return SCHEME
