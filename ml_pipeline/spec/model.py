"""The whole declaration of one model, and what its sections must agree on."""

from typing import Any, Literal, Self, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from ml_pipeline.errors import InvalidSpec
from ml_pipeline.learning.cleaning import CLEANERS
from ml_pipeline.spec.base import Declared
from ml_pipeline.spec.inputs import INPUT_TYPES, InputField
from ml_pipeline.spec.monitoring import Monitoring
from ml_pipeline.spec.policies import Promotion, Retraining, Serving
from ml_pipeline.spec.rollout import Rollout
from ml_pipeline.spec.sections import (
    Contract,
    Decision,
    Estimator,
    Evaluation,
    Features,
    Name,
    Source,
    Split,
    Target,
)

SpecSection = Literal[
    "about",
    "source",
    "inputs",
    "attributes",
    "target",
    "contract",
    "cleaning",
    "split",
    "features",
    "estimator",
    "decision",
    "evaluation",
    "promotion",
    "retraining",
    "rollout",
    "monitoring",
    "serving",
]

# What is decided around a version, not by it: it may change without a new version, and travels beside the bundle.
POLICIES = ("promotion", "retraining", "rollout", "monitoring")

_KEY_MARK = "[key]"  # pydantic's last part of a place where a mapping's key is wrong
_TAKEN_COLUMNS = {"_id", "label", "later"}
_COLUMNS_BY_KIND = {
    "word_ngrams": {"text", "category"},
    "char_ngrams": {"text", "category"},
    "one_hot": {"category", "boolean", "integer"},
    "ordinal": {"category"},
    "numeric": {"number", "integer"},
    "boolean": {"boolean"},
    "datetime_parts": {"datetime"},
}


class About(Declared):
    """For people: what the model is for, and what it is not for. The last two stand in its model card."""

    title: str = Field(min_length=1, max_length=80)
    description: str = ""
    intended_use: str = ""
    limits: str = ""


class ModelSpec(Declared):
    """One block under `models:` in `params.yaml`.

    `inputs` are what a caller sends and the model sees; `attributes` are further document fields that only splits and
    slices read (a protected group, a date): the model never sees them. Their order is that of the form.
    """

    about: About
    source: Source
    inputs: dict[Name, InputField] = Field(min_length=1, max_length=200)
    attributes: dict[Name, InputField]
    target: Target
    contract: Contract
    cleaning: dict[Name, tuple[str, ...]]
    split: Split
    features: Features
    estimator: Estimator
    decision: Decision
    evaluation: Evaluation
    promotion: Promotion
    retraining: Retraining
    rollout: Rollout
    monitoring: Monitoring
    serving: Serving

    @classmethod
    def parse(cls, name: str, block: Any) -> Self:
        """Validate a block; InvalidSpec names each wrong key, its value and what is allowed."""
        missing = [] if not isinstance(block, dict) else [key for key in get_args(SpecSection) if key not in block]
        if missing:
            raise InvalidSpec(
                f"models.{name} lacks the sections {', '.join(missing)}.",
                advice="Every section stands in every block; an empty one is written {}.",
                details={"model": name, "missing": missing},
            )
        try:
            return cls.model_validate(block)
        except ValidationError as error:
            problems = [_problem(name, item) for item in error.errors(include_url=False)]
            raise InvalidSpec(
                f"models.{name} in params.yaml is not valid: " + "; ".join(problems) + ".",
                advice="Correct these keys and run again.",
                details={"model": name, "problems": problems},
            ) from error

    @field_validator("cleaning")
    @classmethod
    def _known_cleaning(cls, cleaning: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for field, names in cleaning.items():
            for name in names:
                if name not in CLEANERS:
                    raise ValueError(f"{field}: {name!r} is not one of {sorted(CLEANERS)}")
        return cleaning

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if overlap := self.inputs.keys() & self.attributes.keys():
            raise ValueError(f"{sorted(overlap)} stand in both inputs and attributes")
        if self.target.field in self.columns:
            raise ValueError(f"the target {self.target.field!r} cannot be an input or attribute")
        if taken := _TAKEN_COLUMNS & self.columns.keys():
            raise ValueError(f"{sorted(taken)} cannot name inputs or attributes: the pipeline's own columns do")
        if self.decision.require and not self.target.is_binary:
            raise ValueError(
                "decision.require is for two labels: a multi-class model has no threshold that could meet it"
            )
        self._check_features()
        for field in self.cleaning:
            self._require(field, "cleaning", {"text"}, self.inputs)
        for field in self.evaluation.slices:
            self._require(field, "evaluation.slices", {"category", "boolean", "integer"}, self.columns)
        for field, section in self._time_fields():
            self._require(field, section, {"datetime"}, self.columns)
        for field in self.contract.maximum_missing:
            self._require(field, "contract.maximum_missing", None, self.columns)
        return self

    @property
    def columns(self) -> dict[str, InputField]:
        """Every typed document field that is read: inputs, then attributes."""
        return {**self.inputs, **self.attributes}

    def public(self) -> dict[str, Any]:
        """What travels inside the bundle: everything but the policies, which may change without a new version."""
        return self.model_dump(mode="json", by_alias=True, exclude={*POLICIES, "source", "contract"})

    def _check_features(self) -> None:
        for block in self.features.blocks:
            for field in block.columns:
                self._require(field, f"features ({block.kind})", _COLUMNS_BY_KIND[block.kind], self.inputs)

    def _time_fields(self) -> list[tuple[str, str]]:
        fields = []
        if self.split.field is not None:
            fields.append((self.split.field, "split.field"))
        if self.split.backtest is not None:
            fields.append((self.split.backtest.field, "split.backtest.field"))
        if self.source.window is not None:
            fields.append((self.source.window.field, "source.window.field"))
        return fields

    @staticmethod
    def _require(field: str, section: str, types: set[str] | None, among: dict[str, InputField]) -> None:
        if field not in among:
            raise ValueError(f"{section} names {field!r}, which is not one of {sorted(among)}")
        if types is not None and among[field].type not in types:
            raise ValueError(f"{section} needs {' or '.join(sorted(types))}, but {field!r} is {among[field].type}")


def _problem(name: str, error: Any) -> str:
    """One pydantic error as `models.spam.decision.objective = 'speed': …`, as it stands in the file."""
    key_itself = error["loc"][-1:] == (_KEY_MARK,)
    where = ".".join(str(part) for part in ("models", name, *_place(error["loc"])))
    given = error["input"]
    shown = "" if key_itself or isinstance(given, dict | list | Declared) else f" = {given!r}"
    return f"{where}{shown}: {_message(error)}"


def _place(where: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The keys that lead to a value in params.yaml: pydantic puts an input's type among them, and marks a wrong key."""
    if where[:1] in (("inputs",), ("attributes",)) and where[-1] != _KEY_MARK:
        where = (*where[:2], *where[3:])
    return tuple(part for part in where if part != _KEY_MARK)


def _message(error: Any) -> str:
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"`type` must be one of {', '.join(INPUT_TYPES)}"
    text: str = error["msg"]
    return text.removeprefix("Value error, ")
