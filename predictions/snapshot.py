"""The serving snapshot: all that a prediction needs to know from the database, small enough to read once a second.

It is kept in memory and in a checksummed file that its owner alone can read, so that a process can also start while
the database is away.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions.scopes import EVERY_SCOPE

FORMAT = 2
_READABLE = (1, FORMAT)  # 1 knew no scopes: each of its tokens had them all


@dataclass(frozen=True, slots=True)
class Release:
    """A version and the hash of its bundle."""

    version: int
    bundle: str


@dataclass(frozen=True, slots=True)
class Route:
    """What serves one model since `changed_at` (seconds since the epoch).

    `canary_share` is the share of entities, 0 to 1, that the canary answers. `former` are the last champions before
    this one, newest first: they serve nobody, unless somebody who may names one.
    """

    model: str
    generation: int
    champion: Release | None
    canary: Release | None
    canary_share: float
    changed_at: float = 0.0
    former: tuple[Release, ...] = ()

    @property
    def releases(self) -> tuple[Release, ...]:
        return tuple(release for release in (self.champion, self.canary) if release is not None)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """Whose token it is, what it may do, and until when it holds, in seconds since the epoch; None is for ever.

    `models` None is every model; `rate_limit` is in requests a minute, and None is the default.
    """

    user_id: int
    username: str
    expires_at: float | None
    scopes: frozenset[str] = EVERY_SCOPE
    models: frozenset[str] | None = None
    rate_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Routes by model, grants by token digest, and when they were read (seconds since the epoch).

    `limits` has the requests a minute of each model whose limit is not the default.
    """

    routes: Mapping[str, Route]
    tokens: Mapping[str, TokenGrant]
    read_at: float
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def bundles(self) -> frozenset[str]:
        return frozenset(release.bundle for route in self.routes.values() for release in route.releases)

    def model_of(self, bundle: str) -> str:
        """The model that a bundle serves or served; empty where none does."""
        for name, route in self.routes.items():
            if any(bundle == release.bundle for release in (*route.releases, *route.former)):
                return name
        return ""

    def says_the_same_as(self, other: "Snapshot | None") -> bool:
        return other is not None and replace(other, read_at=self.read_at) == self

    @classmethod
    def read_file(cls, path: Path) -> Self | None:
        """The snapshot in a file; None where it is absent, torn or of another format."""
        try:
            content = json.loads(path.read_bytes())
            body = content["body"]
            if content["format"] not in _READABLE or content["sha256"] != sha256_hex(canonical_json(body)):
                return None
            return cls(
                routes={name: _route(route) for name, route in body["routes"].items()},
                tokens={digest: _grant(grant) for digest, grant in body["tokens"].items()},
                read_at=body["read_at"],
                limits=body.get("limits", {}),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_file(self, path: Path) -> None:
        """Replace the file in one step. It holds token digests: mode 600 from its first byte."""
        body = {
            "routes": {name: asdict(route) for name, route in self.routes.items()},
            "tokens": {digest: _described(grant) for digest, grant in self.tokens.items()},
            "read_at": self.read_at,
            "limits": dict(self.limits),
        }
        content = canonical_json({"format": FORMAT, "sha256": sha256_hex(canonical_json(body)), "body": body})
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".snapshot.", dir=path.parent)  # mkstemp opens with mode 600
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)


def _described(grant: TokenGrant) -> dict[str, Any]:
    sets = {"scopes": sorted(grant.scopes), "models": None if grant.models is None else sorted(grant.models)}
    return {**asdict(grant), **sets}


def _grant(content: Mapping[str, Any]) -> TokenGrant:
    sets = {name: frozenset(content[name]) for name in ("scopes", "models") if content.get(name) is not None}
    return TokenGrant(**{**content, **sets})


def _route(content: Mapping[str, Any]) -> Route:
    champion, canary = content["champion"], content["canary"]
    return Route(
        model=content["model"],
        generation=content["generation"],
        champion=Release(**champion) if champion else None,
        canary=Release(**canary) if canary else None,
        canary_share=content["canary_share"],
        changed_at=content["changed_at"],
        former=tuple(Release(**release) for release in content["former"]),
    )
