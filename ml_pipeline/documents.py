"""Documents as typed rows: casting by the spec, and a Parquet file whose bytes depend on the rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from ml_pipeline.inputs import Refused, Row, Value, validate_value
from ml_pipeline.spec import ModelSpec, Target
from ml_pipeline.spec.inputs import InputField, NumberInput

ID = "_id"
_ARROW_TYPES = {
    "text": pa.string(),
    "category": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("ms", tz="UTC"),
}
_NUMERIC_TARGET = NumberInput(type="number")


class Fault(NamedTuple):
    """Why a field of a document is refused: the code of `ml_pipeline.inputs.Refused`, or `unknown_label`."""

    field: str
    code: str


def document_schema(spec: ModelSpec) -> pa.Schema:
    """Columns of the documents' file: `_id`, inputs, attributes, target. A target that is also an attribute is one."""
    types = {name: _ARROW_TYPES[field.type] for name, field in spec.columns.items()}
    types[spec.target.field] = pa.float64() if spec.target.is_numeric else pa.string()
    return pa.schema([pa.field(ID, pa.string(), nullable=False), *(pa.field(*column) for column in types.items())])


@dataclass(frozen=True)
class CastDocument:
    """One document by the spec: its row (not complete where there are faults), its faults, and its label.

    The label is None also for a number that no label's rule matches; such a row stays in the file.
    """

    row: Row
    faults: tuple[Fault, ...]
    label: str | None


def cast_document(spec: ModelSpec, document: Mapping[str, Any]) -> CastDocument:
    """Check and cast every declared field. Missing stays missing: a default is for predictions, not for documents."""
    row: Row = {ID: str(document[ID])}
    faults: list[Fault] = []
    for name, field in spec.columns.items():
        try:
            row[name] = _cast_value(field, document.get(name))
        except Refused as refusal:
            faults.append(Fault(name, refusal.code))
    label = None
    try:
        row[spec.target.field], label = _cast_target(spec.target, document.get(spec.target.field))
    except Refused as refusal:
        faults.append(Fault(spec.target.field, refusal.code))
    return CastDocument(row, tuple(dict.fromkeys(faults)), label)


def _cast_value(field: InputField, value: object) -> Value:
    if value is None and field.may_be_missing:
        return None
    return validate_value(field, value)


def _cast_target(target: Target, value: object) -> tuple[str | float, str | None]:
    """The target's value and label. Words may stand as numbers or booleans in documents: 7 and 7.0 mean "7"."""
    if value is None:
        raise Refused("missing", "The target is required.")
    if target.is_numeric:
        number = validate_value(_NUMERIC_TARGET, value)
        assert isinstance(number, float)  # noqa: S101 (what validating a number gives)
        return number, target.label_of(number)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = str(value) if isinstance(value, str | int | bool) else ""
    label = target.label_of(word)
    if label is None:
        raise Refused("unknown_label", "No label has this word.")
    return word, label


class DocumentsFile:
    """Writes rows to a Parquet file in row groups, holding one group in memory.

    A group ends at 10,000 rows or 16 million characters of text, so both its size and the file's bytes depend on the
    rows alone: not on the source, its batch size, the time, or the machine. No pandas metadata is written.
    """

    GROUP_ROWS = 10_000
    GROUP_CHARACTERS = 16_000_000

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(
            path, schema, version="2.6", compression="zstd", compression_level=3, store_schema=False
        )
        self._columns: dict[str, list[Value]] = {name: [] for name in schema.names}
        self._rows = self._characters = 0

    def append(self, row: Row) -> None:
        for name, column in self._columns.items():
            value = row[name]
            column.append(value)
            if isinstance(value, str):
                self._characters += len(value)
        self._rows += 1
        if self._rows >= self.GROUP_ROWS or self._characters >= self.GROUP_CHARACTERS:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            arrays = [pa.array(self._columns[field.name], type=field.type) for field in self._schema]
            self._writer.write_batch(pa.record_batch(arrays, schema=self._schema), row_group_size=self.GROUP_ROWS)
        for column in self._columns.values():
            column.clear()
        self._rows = self._characters = 0
