"""API tokens as people see them. A token that was made by hand has no name, and every scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from knox.models import AuthToken

from predictions.scopes import SCOPES
from registry_ui.errors import UnknownToken

FINGERPRINT_LENGTH = 16


@dataclass(frozen=True)
class TokenDescribed:
    """A token without the token. None is every model of `models`, never of a time, the default of `rate_limit`."""

    fingerprint: str
    name: str
    owner: str
    scopes: Sequence[str]
    models: Sequence[str] | None
    rate_limit: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


def token_described(row: AuthToken) -> TokenDescribed:
    details = getattr(row, "details", None)
    return TokenDescribed(
        fingerprint=row.digest[:FINGERPRINT_LENGTH],
        name=details.name if details else "made by hand",
        owner=row.user.get_username(),
        scopes=details.scopes if details else SCOPES,
        models=details.model_names if details else None,
        rate_limit=details.rate_limit if details else None,
        created_at=row.created,
        expires_at=row.expiry,
        last_used_at=details.last_used_at if details else None,
    )


def token_rows() -> Any:
    """Every token of everybody, with all that is described of it."""
    return AuthToken.objects.select_related("user", "details")


def tokens_of(*, owner: User) -> list[TokenDescribed]:
    """A user's tokens, newest first, expired ones too."""
    return [token_described(row) for row in token_rows().filter(user=owner).order_by("-created", "digest")]


def token_find(*, fingerprint: str, owner: User | None) -> AuthToken:
    """The row of a token; of `owner` alone unless None. UnknownToken."""
    rows = token_rows().filter(digest__startswith=fingerprint)
    row = (rows if owner is None else rows.filter(user=owner)).first()
    if row is None or len(fingerprint) < FINGERPRINT_LENGTH:
        raise UnknownToken("There is no such token of yours.", advice="It may have been revoked already.")
    return row
