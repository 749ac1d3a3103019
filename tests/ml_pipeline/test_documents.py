from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_pipeline.documents import DocumentsFile, Fault, cast_document, document_schema
from tests.ml_pipeline.declared import DAY, document, spec

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


def test_each_type_is_cast_to_its_column(tmp_path: Path) -> None:
    declared = spec()
    row = cast_document(declared, document(4, price=3, count=4.0)).row
    with DocumentsFile(tmp_path / "rows.parquet", document_schema(declared)) as file:
        file.append(row)
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.schema.names == ["_id", *declared.inputs, "shop", "kind"]
    assert [str(table.schema.field(name).type) for name in ("price", "count", "paid", "sent_at", "text")] == [
        "double",
        "int64",
        "bool",
        "timestamp[ms, tz=UTC]",
        "string",
    ]
    assert table.to_pylist()[0]["sent_at"] == datetime(2026, 3, 3, 14, 0, 0, 123_000, tzinfo=UTC)
    assert table.to_pylist()[0]["price"] == 3.0
    assert table.schema.metadata is None


@pytest.mark.parametrize(
    "moment", [DAY, datetime(2026, 3, 3, 14, 0, 0, 123_999, tzinfo=UTC), "2026-03-03T15:00:00.123456+01:00"]
)
def test_a_moment_is_the_same_from_bson_and_from_any_spelling(moment: object) -> None:
    assert cast_document(spec(), document(1, sent_at=moment)).row == cast_document(spec(), document(1)).row


def test_null_and_absent_are_missing_and_a_default_is_not_filled_in() -> None:
    absent = {name: value for name, value in document(1).items() if name not in {"count", "shop"}}
    assert cast_document(spec(), absent) == cast_document(spec(), document(1, count=None, shop=None))
    assert cast_document(spec(), absent).row["count"] is None


def test_what_may_not_be_missing_is_a_fault_and_empty_text_is_text() -> None:
    assert cast_document(spec(), document(1, text=None)).faults == (Fault("text", "missing"),)
    assert cast_document(spec(), document(1, text="")).faults == ()


@pytest.mark.parametrize(("value", "label"), [("7", "7"), (7, "7"), (7.0, "7"), (True, None), (7.5, None), ([7], None)])
def test_a_target_of_words_may_stand_as_whole_numbers(value: object, label: str | None) -> None:
    declared = spec(target={"field": "kind", "labels": [6, 7, 8]})
    assert cast_document(declared, document(1, kind=value)).label == label


@pytest.mark.parametrize("value", [float("nan"), "5", True, None])
def test_a_numeric_target_is_a_finite_number(value: object) -> None:
    declared = spec(target={"field": "kind", "labels": {"up": {"above": 0}, "down": {"below": 0}}, "positive": "up"})
    assert [fault.field for fault in cast_document(declared, document(1, kind=value)).faults] == ["kind"]
    assert cast_document(declared, document(1, kind=0)).row["kind"] == 0.0


@settings(deadline=None)
@given(name=st.sampled_from(sorted(document(1).keys() - {"_id"})), value=ANY_JSON)
def test_any_value_is_either_a_fault_or_fits_its_column(name: str, value: Any) -> None:
    declared = spec()
    cast = cast_document(declared, document(1, **{name: value}))
    if cast.faults:
        assert {fault.field for fault in cast.faults} == {name}
    else:
        field = document_schema(declared).field(name)
        assert pa.array([cast.row[name]], type=field.type).null_count == (cast.row[name] is None)


def test_a_row_group_ends_by_rows_or_by_text_and_never_by_how_rows_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DocumentsFile, "GROUP_ROWS", 10)
    monkeypatch.setattr(DocumentsFile, "GROUP_CHARACTERS", 200)
    declared = spec()
    with DocumentsFile(tmp_path / "rows.parquet", document_schema(declared)) as file:
        for number in range(25):
            file.append(cast_document(declared, document(number, text="x" * (50 if number < 5 else 1))).row)
    metadata = pq.read_metadata(tmp_path / "rows.parquet")
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    assert sum(sizes) == 25
    assert max(sizes) <= 10
    assert sizes[0] == 3
