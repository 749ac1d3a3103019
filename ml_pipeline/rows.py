"""Rows in Parquet files: typed columns on disk, checked values in memory; the same rows give the same bytes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ml_pipeline.canonical import replacing
from ml_pipeline.inputs import Row
from ml_pipeline.spec import InputField

_MOMENT = pa.timestamp("ms", tz="UTC")
_TYPES = {
    "text": pa.string(),
    "category": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "datetime": _MOMENT,
}


@dataclass(frozen=True)
class Documents:
    """Ingested documents: the typed fields as rows, the raw values of the target aside; None is missing."""

    ids: list[str]
    rows: list[Row]
    targets: list[Any]


@dataclass(frozen=True)
class LabelledRows:
    """Rows with their document's id and their label's index."""

    ids: list[str]
    rows: list[Row]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Iterable[int]) -> "LabelledRows":
        chosen = list(indices)
        return LabelledRows(
            [self.ids[index] for index in chosen],
            [self.rows[index] for index in chosen],
            [self.labels[index] for index in chosen],
        )


def read_documents(path: Path, *, fields: Mapping[str, InputField], target: str) -> Documents:
    """What ingestion wrote."""
    table = pq.read_table(path, columns=["_id", *fields, target])
    return Documents(table.column("_id").to_pylist(), _rows(table, fields), table.column(target).to_pylist())


def write_labelled(
    path: Path, labelled: LabelledRows, *, fields: Mapping[str, InputField], later: Sequence[bool] | None = None
) -> None:
    """Write `_id`, the fields, `label` and, where given, the flag `later`, in one step."""
    columns = {
        "_id": pa.array(labelled.ids, pa.string()),
        **{name: pa.array([row[name] for row in labelled.rows], _TYPES[field.type]) for name, field in fields.items()},
        "label": pa.array(labelled.labels, pa.int64()),
    }
    if later is not None:
        columns["later"] = pa.array(later, pa.bool_())
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def read_labelled(path: Path | BinaryIO, *, fields: Mapping[str, InputField]) -> LabelledRows:
    """What `write_labelled` wrote."""
    table = pq.read_table(path, columns=["_id", *fields, "label"])
    return LabelledRows(table.column("_id").to_pylist(), _rows(table, fields), table.column("label").to_pylist())


def read_later(path: Path) -> list[bool]:
    """The flag `later` of each row."""
    flags: list[bool] = pq.read_table(path, columns=["later"]).column("later").to_pylist()
    return flags


def _rows(table: Any, fields: Mapping[str, InputField]) -> list[Row]:
    columns = [table.column(name).to_pylist() for name in fields]
    for index, field in enumerate(fields.values()):
        if field.type == "datetime":
            columns[index] = [_in_utc(moment) for moment in columns[index]]
    return [dict(zip(fields, values, strict=True)) for values in zip(*columns, strict=True)]


def _in_utc(moment: datetime | None) -> datetime | None:
    """pyarrow's UTC is another object in each of its versions; ours is `datetime.UTC`."""
    return None if moment is None else moment.astimezone(UTC)
