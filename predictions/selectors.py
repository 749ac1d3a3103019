"""Reads of the serving tables."""

import time
from collections.abc import Mapping

from django.db.models import Q
from django.utils import timezone
from knox.models import get_token_model

from predictions.models import Deployment, ModelLimit
from predictions.scopes import EVERY_SCOPE
from predictions.snapshot import Release, Route, Snapshot, TokenGrant


def read_snapshot() -> Snapshot:
    """What serves and who may ask, as the database says now: three queries."""
    started = time.time()
    return Snapshot(routes=_routes(), tokens=_tokens(), read_at=started, limits=_limits())


def _routes() -> Mapping[str, Route]:
    return {row.model: _route(row) for row in Deployment.objects.order_by("model")}


def _route(row: Deployment) -> Route:
    return Route(
        model=row.model,
        generation=row.generation,
        champion=_release(row.champion_version, row.champion_bundle),
        canary=_release(row.canary_version, row.canary_bundle),
        canary_share=row.canary_share or 0.0,
        changed_at=row.updated_at.timestamp(),
        former=tuple(Release(**release) for release in row.former),
    )


def _release(version: int | None, bundle: str | None) -> Release | None:
    return None if version is None or bundle is None else Release(version, bundle)


def _limits() -> Mapping[str, int]:
    return dict(ModelLimit.objects.values_list("model", "requests_per_minute"))


def _tokens() -> Mapping[str, TokenGrant]:
    alive = Q(expiry__isnull=True) | Q(expiry__gt=timezone.now())
    rows = get_token_model().objects.filter(alive, user__is_active=True)
    details = ("details__scopes", "details__model_names", "details__rate_limit")
    return {
        digest: TokenGrant(
            user_id=user_id,
            username=username,
            expires_at=None if expiry is None else expiry.timestamp(),
            scopes=EVERY_SCOPE if scopes is None else frozenset(scopes),
            models=None if models is None else frozenset(models),
            rate_limit=rate_limit,
        )
        for digest, user_id, username, expiry, scopes, models, rate_limit in rows.values_list(
            "digest", "user_id", "user__username", "expiry", *details
        )
    }
