"""Bodies of decisions."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from registry_ui.api.base import Page, StrictRequest
from registry_ui.api.rollout_shapes import PlanRequest
from registry_ui.models import Decision


class DecisionRequest(StrictRequest):
    """`expected_generation` is the one that the caller saw: a decision on an older sight is refused with 409."""

    action: Literal[
        "approve",
        "reject",
        "request_changes",
        "ask_again",
        "set_canary",
        "promote_canary",
        "end_canary",
        "set_shadow",
        "end_shadow",
        "roll_back",
        "retire",
    ]
    reason: str = Field(min_length=1, max_length=2_000)
    expected_generation: int = Field(ge=0, le=2**62)
    share: float | None = Field(
        default=None,
        gt=0.0,
        lt=1.0,
        description="The share of entities that the canary answers; for `set_canary`.",
    )
    plan: PlanRequest | None = Field(
        default=None,
        description="For `set_canary`: it goes on by itself, where no `share` is given from the plan's first step.",
    )
    confirm_incompatible: bool = Field(
        default=False,
        description="Serve although it refuses inputs that the champion accepts (`incompatible_inputs`).",
    )
    confirm_rolled_back: int | None = Field(
        default=None,
        ge=1,
        le=2**62,
        description="The decision that ended its last service, as `rolled_back_before` names it.",
    )

    @model_validator(mode="after")
    def _share_belongs_to_a_canary(self) -> Self:
        if (self.share is not None or self.plan is not None) != (self.action == "set_canary"):
            raise ValueError("`share` or `plan` is needed for `set_canary`, and for nothing else")
        return self


class DecisionShape(BaseModel):
    """A decision that was taken. `share` is that of a canary."""

    id: int
    action: str
    model: str
    version: int
    actor: str
    reason: str
    generation: int
    share: float | None
    created_at: datetime

    @classmethod
    def of(cls, decision: Decision) -> Self:
        return cls(
            id=decision.pk,
            action=decision.action,
            model=decision.model,
            version=decision.version.number,
            actor=decision.actor,
            reason=decision.reason,
            generation=decision.generation_after,
            share=decision.evidence.get("share"),
            created_at=decision.created_at,
        )


class DecisionsShape(Page):
    """Decisions about a version, newest first."""

    model: str
    version: int
    decisions: list[DecisionShape]
