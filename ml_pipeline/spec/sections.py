"""The sections of a model's declaration that its stages read. What the registry does with a version: `policies`."""

import math
from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ml_pipeline.spec.base import Declared, Moment, Number, Whole
from ml_pipeline.spec.inputs import check_bounds

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
Share = Annotated[Number, Field(ge=0.0, le=1.0)]


class Window(Declared):
    """Documents whose `field` lies in [`from`, `to`)."""

    field: Name
    start: Moment | None = Field(default=None, alias="from")
    end: Moment | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start is None and self.end is None:
            raise ValueError("a window needs `from` or `to`")
        check_bounds(self.start, self.end)
        return self


class Source(Declared):
    """Where the documents are: a MongoDB collection, and the snapshot read where no MongoDB is configured."""

    collection: str = Field(min_length=1, max_length=120)
    snapshot: str | None = None
    query: dict[str, Any] = Field(default_factory=dict)
    window: Window | None = None
    batch_size: Whole = Field(default=1_000, ge=1, le=100_000)


class Contract(Declared):
    """What the documents must look like. A document that breaks it is quarantined, up to `quarantine_share` of all."""

    minimum_rows: Whole = Field(default=100, ge=1)
    maximum_missing: dict[Name, Share] = Field(default_factory=dict)
    minimum_label_share: Share = 0.01
    quarantine_share: Share = 0.01


class LabelRule(Declared):
    """A target value that belongs to a label: equal to a word, or a number above or below a bound (exclusive)."""

    equals: str | None = None
    above: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.equals is None) == (self.above is None and self.below is None):
            raise ValueError("give either `equals`, or `above` and/or `below`")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"no number is above {self.above} and below {self.below}")
        return self

    @property
    def is_numeric(self) -> bool:
        return self.equals is None

    def overlaps(self, other: "LabelRule") -> bool:
        """Whether some value matches both rules. Rules of two kinds never do."""
        if not (self.is_numeric and other.is_numeric):
            return self.equals == other.equals
        above = max((rule.above for rule in (self, other) if rule.above is not None), default=-math.inf)
        below = min((rule.below for rule in (self, other) if rule.below is not None), default=math.inf)
        return above < below

    def matches(self, value: str | float) -> bool:
        if isinstance(value, str):
            return value == self.equals
        return (
            self.is_numeric
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


class Target(Declared):
    """What is predicted: a document field and the labels its values stand for.

    `labels` is a list of words, or a mapping from label to `LabelRule`. Two labels need `positive`, the one whose
    probability is reported and thresholded; more make a multi-class model. A number that no rule matches (a rating of
    exactly 0 between `above: 0` and `below: 0`) is left out; a word that no rule matches breaks the contract.
    """

    field: Name
    labels: dict[str, LabelRule]
    positive: str | None = None

    @field_validator("labels", mode="before")
    @classmethod
    def _from_words(cls, labels: Any) -> Any:
        if isinstance(labels, list | tuple):
            if any(isinstance(label, bool) for label in labels):
                raise ValueError('YAML reads a bare true or false as a boolean: quote it, as in ["true", "false"]')
            if len(set(map(str, labels))) != len(labels):
                raise ValueError(f"labels repeat: {list(labels)}")
            return {str(label): {"equals": str(label)} for label in labels}
        return labels

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.labels) < 2:
            raise ValueError("a target needs at least two labels")
        if len({rule.is_numeric for rule in self.labels.values()}) > 1:
            raise ValueError("labels must all be words or all be numeric ranges")
        for one, other in combinations(self.labels, 2):
            if self.labels[one].overlaps(self.labels[other]):
                raise ValueError(f"labels {one!r} and {other!r} claim the same values")
        if len(self.labels) == 2 and self.positive not in self.labels:
            raise ValueError(f"two labels need `positive`: one of {sorted(self.labels)}")
        if len(self.labels) > 2 and self.positive is not None:
            raise ValueError("`positive` is for two labels; a multi-class target has none")
        return self

    @property
    def is_numeric(self) -> bool:
        return next(iter(self.labels.values())).is_numeric

    @property
    def is_binary(self) -> bool:
        return len(self.labels) == 2

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the estimator's columns: the negative before the positive, else as declared."""
        if self.positive is None:
            return tuple(self.labels)
        return (next(label for label in self.labels if label != self.positive), self.positive)

    def label_of(self, value: str | float) -> str | None:
        return next((label for label, rule in self.labels.items() if rule.matches(value)), None)


class Backtest(Declared):
    """Fit the same recipe on rows before a moment, score it on rows from then on, and report it."""

    field: Name
    start: Moment = Field(alias="from")
    earliest: Moment | None = None
    latest: Moment | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_bounds(self.earliest, self.start)
        check_bounds(self.start, self.latest)
        return self


class Split(Declared):
    """Which rows are held out: a share by the hash of the id, or those from a moment on."""

    by: Literal["hash", "time"] = "hash"
    held_out: Annotated[Number, Field(gt=0.0, lt=1.0)] = 0.2
    field: Name | None = None
    start: Moment | None = Field(default=None, alias="from")
    near_duplicate_similarity: Annotated[Number, Field(gt=0.0, le=1.0)] = 0.9
    backtest: Backtest | None = None

    @model_validator(mode="after")
    def _time_has_a_start(self) -> Self:
        if self.by == "time" and (self.field is None or self.start is None):
            raise ValueError("a split by time needs `field` and `from`")
        if self.by == "hash" and (self.field is not None or self.start is not None):
            raise ValueError("a split by hash takes neither `field` nor `from`: set `by: time`, or leave them out")
        return self


class FeatureBlock(Declared):
    """One block of feature columns: a kind, the input fields it reads, and the parameters of its transformer."""

    kind: Literal["word_ngrams", "char_ngrams", "one_hot", "ordinal", "numeric", "boolean", "datetime_parts"]
    columns: tuple[Name, ...] = Field(min_length=1)
    params: dict[str, Any] = Field(default_factory=dict)


class Features(Declared):
    """Feature blocks, concatenated from left to right."""

    blocks: tuple[FeatureBlock, ...] = Field(min_length=1)


Family = Literal[
    "logistic_regression",
    "linear_svm",
    "ridge",
    "sgd",
    "linear_discriminant",
    "multinomial_naive_bayes",
    "complement_naive_bayes",
    "bernoulli_naive_bayes",
    "gaussian_naive_bayes",
    "nearest_neighbors",
    "decision_tree",
    "random_forest",
    "extra_trees",
    "ada_boost",
    "gradient_boosting",
    "hist_gradient_boosting",
    "voting",
    "stacking",
]
_SCORES_ALONE = {"linear_svm", "ridge"}


class Estimator(Declared):
    """A scikit-learn classifier of an allowed family; `ml_pipeline.learning.estimators` builds it.

    `params` are checked there, by scikit-learn, which is too slow to import for a look at the declaration.
    """

    family: Family
    params: dict[str, Any] = Field(default_factory=dict)
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    members: tuple["Estimator", ...] = ()
    weights: tuple[Annotated[Number, Field(ge=0.0)], ...] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.family in ("voting", "stacking"):
            if len(self.members) < 2:
                raise ValueError(f"{self.family} needs at least two `members`")
        elif self.members:
            raise ValueError(f"{self.family} is not an ensemble: only voting and stacking have `members`")
        if self.weights is not None:
            self._check_weights(self.weights)
        if self.family in _SCORES_ALONE and self.calibration == "none":
            raise ValueError(f"{self.family} gives scores, not probabilities: set `calibration: sigmoid` (or isotonic)")
        return self

    def _check_weights(self, weights: tuple[float, ...]) -> None:
        if self.family != "voting":
            raise ValueError(f"{self.family} has no `weights`: only voting has")
        if len(weights) != len(self.members) or not any(weights):
            raise ValueError(f"voting over {len(self.members)} members needs as many `weights`, not all of them 0")


class Decision(Declared):
    """What the threshold is tuned for, on training folds. Costs are per wrong decision, in any one unit."""

    objective: Literal["accuracy", "f1", "cost"] = "accuracy"
    false_positive: Number = Field(default=1.0, ge=0.0)
    false_negative: Number = Field(default=1.0, ge=0.0)
    require: dict[Literal["accuracy", "f1", "precision", "recall"], Share] = Field(default_factory=dict)
    folds: Whole = Field(default=5, ge=2, le=20)

    @model_validator(mode="after")
    def _something_costs(self) -> Self:
        if self.objective == "cost" and not (self.false_positive or self.false_negative):
            raise ValueError("the objective `cost` needs a `false_positive` or a `false_negative` above 0")
        return self


class Evaluation(Declared):
    """How a candidate is judged: slices by these fields, bootstrap draws for intervals, golden samples kept."""

    slices: tuple[Name, ...] = ()
    bootstrap: Whole = Field(default=1_000, ge=100, le=20_000)
    golden_samples: Whole = Field(default=8, ge=1, le=50)


Metric = Literal["accuracy", "f1", "precision", "recall", "roc_auc", "pr_auc"]
