"""The data contract: what a document, and all documents together, must look like before anything is learnt."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_pipeline.documents import CastDocument, Fault
from ml_pipeline.errors import ContractBroken
from ml_pipeline.spec import ModelSpec
from ml_pipeline.spec.inputs import (
    CategoryInput,
    DatetimeInput,
    InputField,
    IntegerInput,
    NumberInput,
    TextInput,
)

_SHOWN_IDS = 5


@dataclass
class Tally:
    """What was seen while documents went by. `missing` counts among kept rows, `occurring` among all documents."""

    spec: ModelSpec
    documents: int = 0
    rows: int = 0
    watermark: str | None = None
    labels: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    occurring: set[str] = field(default_factory=set)
    reasons: Counter[Fault] = field(default_factory=Counter)
    first_refused: list[str] = field(default_factory=list)

    @property
    def quarantined(self) -> int:
        return self.documents - self.rows

    def add(self, document: Mapping[str, Any], cast: CastDocument) -> None:
        self.documents += 1
        self.watermark = str(cast.row["_id"])
        expected = (*self.spec.columns, self.spec.target.field)
        if len(self.occurring) < len(expected):
            self.occurring.update(name for name in expected if document.get(name) is not None)
        if cast.faults:
            self.reasons.update(cast.faults)
            if len(self.first_refused) < _SHOWN_IDS:
                self.first_refused.append(self.watermark)
            return
        self.rows += 1
        self.missing.update(name for name in self.spec.columns if cast.row[name] is None)
        if cast.label is not None:
            self.labels[cast.label] += 1

    def report(self) -> dict[str, Any]:
        """Counts that depend on the documents alone: neither on their source nor on the time."""
        return {
            "rows": self.rows,
            "quarantined": self.quarantined,
            "reasons": {f"{fault.field}: {fault.code}": count for fault, count in sorted(self.reasons.items())},
            "labels": {label: self.labels[label] for label in self.spec.target.labels},
            "unlabelled": self.rows - self.labels.total(),
            "missing": {name: self.missing[name] for name in self.spec.columns},
            "watermark": self.watermark,
        }


def quarantine_entry(spec: ModelSpec, cast: CastDocument) -> dict[str, Any]:
    """Why a document is set aside: by its id and the rules it breaks, never by its contents."""
    reasons = [{"field": fault.field, "code": fault.code, "message": _message(spec, fault)} for fault in cast.faults]
    return {"_id": cast.row["_id"], "reasons": reasons}


def absent_fields(spec: ModelSpec, tally: Tally) -> list[str]:
    """Expected fields of which no document has a value. `maximum_missing: {field: 1.0}` allows one to be absent."""
    expected = dict.fromkeys((*spec.columns, spec.target.field))
    return [
        name for name in expected if name not in tally.occurring and spec.contract.maximum_missing.get(name, 0.0) < 1.0
    ]


def check_contract(spec: ModelSpec, tally: Tally, *, found_fields: list[str]) -> None:
    """Raise ContractBroken with every rule that the documents break. `found_fields` are those that do occur."""
    if absent := absent_fields(spec, tally):
        raise ContractBroken(
            f"No document has a value for {', '.join(absent)}.",
            advice="Correct the names under inputs, attributes and target, or set contract.maximum_missing of the "
            "field to 1.0.",
            details={"absent": absent, "found": found_fields},
        )
    broken = [*_too_many_refused(spec, tally), *_too_few_rows(spec, tally), *_too_much_missing(spec, tally)]
    broken += _too_rare_labels(spec, tally)
    if broken:
        details: dict[str, Any] = {"broken": broken}
        if tally.quarantined:
            details |= {"reasons": tally.report()["reasons"], "documents": tally.first_refused}
        raise ContractBroken(
            f"The documents break the data contract: {' '.join(broken)}",
            advice="Correct the documents, or the inputs and the contract in params.yaml. The quarantine file names "
            "every refused document.",
            details=details,
        )


def _too_many_refused(spec: ModelSpec, tally: Tally) -> list[str]:
    allowed = spec.contract.quarantine_share
    if tally.quarantined <= allowed * tally.documents:
        return []
    return [f"{tally.quarantined} of {tally.documents} documents are refused; at most {allowed:.2%} may be."]


def _too_few_rows(spec: ModelSpec, tally: Tally) -> list[str]:
    if tally.rows >= spec.contract.minimum_rows:
        return []
    return [f"There are {tally.rows} good documents; at least {spec.contract.minimum_rows} are needed."]


def _too_much_missing(spec: ModelSpec, tally: Tally) -> list[str]:
    return [
        f"{name} is missing in {tally.missing[name]} of {tally.rows} rows; at most {allowed:.2%} may lack it."
        for name, allowed in spec.contract.maximum_missing.items()
        if tally.missing[name] > allowed * tally.rows
    ]


def _too_rare_labels(spec: ModelSpec, tally: Tally) -> list[str]:
    labelled, least = tally.labels.total(), spec.contract.minimum_label_share
    return [
        f"{tally.labels[label]} of {labelled} labelled rows are {label!r}; at least {least:.2%} are needed."
        for label in spec.target.labels
        if tally.labels[label] < least * labelled
    ]


def _message(spec: ModelSpec, fault: Fault) -> str:
    if fault.field == spec.target.field and fault.field not in spec.columns:
        target = spec.target
        allowed = "a number" if target.is_numeric else f"one of: {', '.join(target.labels)}"
    else:
        allowed = _allowed(spec.columns[fault.field])
    said = "The field is required" if fault.code == "missing" else "The value is refused"
    return f"{said}: it is {allowed}."


def _allowed(field: InputField) -> str:
    """What an input takes, in words."""
    if isinstance(field, TextInput):
        return f"text of {field.min_length} to {field.max_length} characters, without NUL"
    if isinstance(field, CategoryInput):
        return (
            f"one of: {', '.join(field.values)}" if field.values else f"a word of at most {field.max_length} characters"
        )
    if isinstance(field, NumberInput | IntegerInput):
        kind = "a whole number" if isinstance(field, IntegerInput) else "a finite number"
        return kind + _bounds(field.minimum, field.maximum)
    if isinstance(field, DatetimeInput):
        return "a moment" + _bounds(field.earliest, field.latest)
    return "true or false"


def _bounds(low: object, high: object) -> str:
    return ("" if low is None else f" from {low}") + ("" if high is None else f" up to {high}")
