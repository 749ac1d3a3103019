"""API tokens and limits: made and revoked by their owner, watched and limited by administrators, each change audited.

A token is known here by its fingerprint, the start of its digest. The token itself is given once, to who made it.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from knox.models import AuthToken

from predictions.models import Deployment, ModelLimit, TokenDetails
from predictions.scopes import SCOPES
from registry_ui.errors import InvalidToken, PermissionRefused
from registry_ui.selectors import token_described, token_find
from registry_ui.services.access import ADMINISTER, Actor, Operator, refused
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.decisions import reason_checked
from registry_ui.services.deployments import deployment_lock

NAME_LENGTH = 100
LONGEST = timedelta(days=365)
HIGHEST_LIMIT = 10_000_000


def token_create(
    *,
    owner: User,
    actor: Actor,
    name: str,
    scopes: Collection[str],
    model_names: Collection[str] | None,
    expires_in: timedelta = LONGEST,
) -> str:
    """A new token of `owner`, made by themselves or at a shell. `model_names` None is every model, also those to come.

    What is returned is nowhere kept: it cannot be shown again.
    """
    if not isinstance(actor, Operator) and actor.user != owner:
        raise refused(
            PermissionRefused("A token is made by its owner.", advice="Log in as yourself."), actor=actor.name
        )
    name = name.strip()
    _check(name, scopes, model_names, expires_in)
    with transaction.atomic():
        row, token = AuthToken.objects.create(owner, expiry=expires_in)
        TokenDetails.objects.create(
            token=row,
            name=name,
            scopes=[scope for scope in SCOPES if scope in scopes],
            model_names=None if model_names is None else sorted(set(model_names)),
            created_by=actor.name,
        )
        _audit("token.create", actor, row)
    return str(token)


def token_revoke(*, fingerprint: str, actor: Actor) -> str:
    """End a token at once, one's own or, as an administrator, anybody's; its name."""
    with transaction.atomic():
        row = _find(fingerprint, actor)
        said = token_described(row)
        _audit("token.revoke", actor, row)
        row.delete()
    return said.name


def token_limit_set(*, fingerprint: str, requests_per_minute: int | None, actor: Actor, reason: str) -> None:
    """What a token may ask a minute, whatever the default; None: the default, 0: as much as it likes."""
    actor.require(ADMINISTER)
    reason = reason_checked(reason)
    with transaction.atomic():
        if requests_per_minute is not None:
            _limit_check(requests_per_minute)
        row = _find(fingerprint, actor)
        before = token_described(row).rate_limit
        everything = {"name": "made by hand", "scopes": list(SCOPES), "created_by": row.user.get_username()}
        details, _ = TokenDetails.objects.get_or_create(token=row, defaults=everything)
        details.rate_limit = requests_per_minute
        details.save(update_fields=["rate_limit"])
        _audit("token.limit", actor, row, before=before, after=requests_per_minute, reason=reason)


def model_limit_set(*, model: str, requests_per_minute: int | None, actor: Actor, reason: str) -> None:
    """How many prediction requests a minute a model takes; None: the default, 0: as many as come."""
    actor.require(ADMINISTER, model)
    reason = reason_checked(reason)
    with transaction.atomic():
        deployment_lock(model=model)
        before = ModelLimit.objects.filter(model=model).values_list("requests_per_minute", flat=True).first()
        if requests_per_minute is None:
            ModelLimit.objects.filter(model=model).delete()
        else:
            _limit_check(requests_per_minute)
            ModelLimit.objects.update_or_create(model=model, defaults={"requests_per_minute": requests_per_minute})
        details = {"before": before, "after": requests_per_minute, "reason": reason}
        audit_append(
            events=[Event(actor=actor.name, action="model.limit", model=model, subject=model, details=details)]
        )


def _find(fingerprint: str, actor: Actor) -> AuthToken:
    """Somebody else's token is as unknown as one that does not exist, unless to an administrator."""
    return token_find(fingerprint=fingerprint, owner=None if actor.may(ADMINISTER) else actor.user)


def _check(name: str, scopes: Collection[str], model_names: Collection[str] | None, expires_in: timedelta) -> None:
    if not name or len(name) > NAME_LENGTH:
        raise _invalid("name", f"A name of 1 to {NAME_LENGTH} characters is needed.")
    if not scopes or set(scopes) - set(SCOPES):
        raise _invalid("scopes", f"Choose at least one of {', '.join(SCOPES)}.")
    if model_names is not None:
        known = set(Deployment.objects.filter(model__in=model_names).values_list("model", flat=True))
        if not model_names or set(model_names) - known:
            raise _invalid("model_names", "Choose models that exist, at least one, or every model.")
    if not timedelta(0) < expires_in <= LONGEST:
        raise _invalid("expires_in", f"A token holds for at most {LONGEST.days} days.")


def _limit_check(requests_per_minute: int) -> None:
    if not 0 <= requests_per_minute <= HIGHEST_LIMIT:
        raise _invalid("requests_per_minute", f"A whole number up to {HIGHEST_LIMIT} is needed, 0 for no limit.")


def _invalid(field: str, message: str) -> InvalidToken:
    return InvalidToken(message, details={"field": field})


def _audit(action: str, actor: Actor, row: AuthToken, **more: Any) -> None:
    said = token_described(row)
    details = {
        "fingerprint": said.fingerprint,
        "owner": said.owner,
        "scopes": list(said.scopes),
        "models": said.models,
        "expires": None if said.expires_at is None else said.expires_at.isoformat(),
        **more,
    }
    audit_append(events=[Event(actor=actor.name, action=action, subject=said.name, details=details)])
