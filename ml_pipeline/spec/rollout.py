"""How a version takes over: a canary's steps, and the watch over what serves since lately."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ml_pipeline.spec.base import Declared, Flag, Number, Whole

# Upper bounds of the classes in which serving counts how long its answers take; beyond the last there is one more.
LATENCY_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)  # milliseconds

CanaryShare = Annotated[Number, Field(gt=0.0, lt=1.0)]


class Rollout(Declared):
    """What an approver of a version approves with it: how far it goes by itself, and what takes it back.

    A canary that follows its plan goes from step to step after `step_minutes` and `minimum_requests` in each; with
    `promote` it becomes champion after the last one. Errors beyond `error_share`, or more than one answer in twenty
    slower than `latency_ms`, end a canary that is worse in that than its champion, and roll a champion back that was
    promoted in the last `watch_hours` and has answered no more than `watch_requests`. So does live performance under
    that of the version before: by labels as they come, or, where right and wrong answers are not told equally soon, by
    predictions that are `label_minutes` old and what had been told of them by then. `alpha` bounds the probability that
    chance alone does any of it, however long the trial.
    """

    steps: tuple[CanaryShare, ...] = Field(default=(0.01, 0.05, 0.2, 0.5), min_length=1, max_length=20)
    step_minutes: Whole = Field(default=30, ge=0, le=10_080)
    minimum_requests: Whole = Field(default=500, ge=1, le=10_000_000)
    promote: Flag = False
    automatic_rollback: Flag = True
    error_share: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.001
    latency_ms: Literal[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] = 100
    watch_hours: Whole = Field(default=24, ge=1, le=168)
    watch_requests: Whole = Field(default=1_000_000, ge=100)
    label_minutes: Whole = Field(default=0, ge=0, le=10_080)
    cool_down_hours: Whole = Field(default=24, ge=0, le=168)
    rollbacks_per_day: Whole = Field(default=2, ge=1, le=24)
    alpha: Annotated[Number, Field(gt=0.0, le=0.1)] = 0.01

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps have to rise, each above the one before: {list(self.steps)}")
        return self

    @model_validator(mode="after")
    def _labels_within_the_watch(self) -> Self:
        if self.label_minutes >= 60 * self.watch_hours:
            raise ValueError(
                f"label_minutes has to be less than watch_hours, {60 * self.watch_hours} minutes, "
                f"or no label of a new champion would count: {self.label_minutes}"
            )
        return self
