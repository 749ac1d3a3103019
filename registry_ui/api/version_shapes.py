"""Bodies about versions, and about what served."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from registry_ui.api.base import Page
from registry_ui.api.decision_shapes import DecisionShape
from registry_ui.models import ModelVersion
from registry_ui.selectors import Served


class VersionShape(BaseModel):
    """A registered version. `metrics` are those of the held-out rows, with 95 % intervals where they have one."""

    version: int
    status: str
    stage: str | None
    bundle_hash: str
    data_hash: str
    metrics: dict[str, Any]
    verdict: str | None
    reasons: list[str]
    created_at: datetime

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        return cls(
            version=version.number,
            status=version.status,
            stage=version.stage,
            bundle_hash=version.bundle_hash,
            data_hash=version.data_hash,
            metrics=version.metrics,
            verdict=version.recommendation.get("verdict"),
            reasons=version.recommendation.get("reasons", []),
            created_at=version.created_at,
        )


class VersionsShape(Page):
    """Versions of a model, newest first. `generation` is what a decision has to name as `expected_generation`."""

    model: str
    generation: int
    champion: int | None
    canary: int | None
    canary_share: float | None
    shadow: int | None
    versions: list[VersionShape]


class ServedShape(BaseModel):
    """What served at a moment: a version from `since` on and before `until` (null: still), or nothing (null)."""

    model: str
    at: datetime
    generation: int
    version: int | None
    bundle_hash: str | None
    canary: int | None
    canary_share: float | None
    shadow: int | None
    since: datetime | None
    until: datetime | None
    cause: str
    decision: DecisionShape | None

    @classmethod
    def of(cls, served: Served, at: datetime) -> Self:
        row = served.generation
        return cls(
            model=served.model,
            at=at,
            generation=row.number if row else 0,
            version=row.champion_version if row else None,
            bundle_hash=row.champion_bundle if row else None,
            canary=row.canary_version if row else None,
            canary_share=row.canary_share if row else None,
            shadow=row.shadow_version if row else None,
            since=row.created_at if row else None,
            until=served.until,
            cause=row.cause if row else "",
            decision=DecisionShape.of(served.decision) if served.decision else None,
        )
