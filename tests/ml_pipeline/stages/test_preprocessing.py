import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ml_pipeline.errors import NotEnoughData
from ml_pipeline.learning.splitting import is_held_out
from ml_pipeline.stages import preprocessing
from tests.ml_pipeline.stages import mails
from tests.ml_pipeline.stages.mails import FILES, MODEL, Document


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mails.declare()


def prepare(documents: list[Document]) -> dict[str, object]:
    mails.ingest(documents)
    preprocessing.run(MODEL)
    report: dict[str, object] = json.loads(FILES.split_report.read_bytes())
    return report


def test_training_rows_are_clean_and_held_out_rows_are_as_ingested() -> None:
    documents = mails.documents()
    prepare(documents)
    by_id = {document["_id"]: document for document in documents}
    training, held_out = (pq.read_table(path).to_pylist() for path in (FILES.training_rows, FILES.held_out_rows))
    assert len(training) + len(held_out) == len(documents)
    for row in training:
        assert not is_held_out(row["_id"], 0.3)
        assert row["body"] == by_id[row["_id"]]["body"].lower()
        assert set(row) == {"_id", "body", "size", "sent_at", "label"}
    for row in held_out:
        original = by_id[row["_id"]]
        assert is_held_out(row["_id"], 0.3)
        assert {name: row[name] for name in ("body", "size", "sent_at", "team")} == {
            name: original[name] for name in ("body", "size", "sent_at", "team")
        }
        assert row["label"] == int(original["kind"] == "spam")


def test_the_backtest_is_of_all_dated_rows_by_time() -> None:
    documents = mails.documents()
    documents[0]["sent_at"] = None
    report = prepare(documents)
    rows = pq.read_table(FILES.backtest_rows).to_pylist()
    assert len(rows) == len(documents) - 1
    assert all(row["later"] == (row["sent_at"] >= mails.START) for row in rows)
    assert report["backtest"] == {
        "earlier": {"rows": sum(not row["later"] for row in rows), "repeated": 0, "conflicting": 0},
        "later": {"rows": sum(row["later"] for row in rows), "repeated": 0, "conflicting": 0, "like_earlier": 0},
        "undated": 1,
    }


def test_a_model_without_a_backtest_has_an_empty_file_for_it() -> None:
    mails.declare(split={"held_out": 0.3})
    assert prepare(mails.documents())["backtest"] is None
    assert pq.read_metadata(FILES.backtest_rows).num_rows == 0


def test_rows_without_a_label_teach_nothing_and_are_counted() -> None:
    documents = mails.documents()
    for document in documents[:5]:
        document["kind"] = None
    report = prepare(documents)
    assert report["unlabelled"] == 5
    assert pq.read_metadata(FILES.training_rows).num_rows + pq.read_metadata(FILES.held_out_rows).num_rows == 235


def test_a_label_that_no_row_bears_stops_the_run() -> None:
    documents = [document | {"kind": "ham"} for document in mails.documents()]
    with pytest.raises(NotEnoughData, match="No training row is labelled spam"):
        prepare(documents)


def test_a_split_by_time_holds_out_what_came_later() -> None:
    mails.declare(split={"by": "time", "field": "sent_at", "from": mails.START.isoformat()})
    documents = mails.documents()
    documents[3]["sent_at"] = None
    report = prepare(documents)
    assert report["undated"] == 1
    assert all(row["sent_at"] < mails.START for row in pq.read_table(FILES.training_rows).to_pylist())
    assert all(row["sent_at"] >= mails.START for row in pq.read_table(FILES.held_out_rows).to_pylist())


def test_defaults_fill_missing_values_as_they_will_when_serving() -> None:
    block = mails.block()["inputs"]
    mails.declare(inputs={**block, "size": {"type": "number", "default": 7.5}})
    prepare(mails.documents())
    training, held_out = (pq.read_table(path) for path in (FILES.training_rows, FILES.held_out_rows))
    assert training.column("size").null_count == 0
    assert held_out.column("size").null_count > 0
