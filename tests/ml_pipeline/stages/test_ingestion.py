import hashlib
import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bson import ObjectId

from ml_pipeline.environment import PROJECT_ROOT, Environment
from ml_pipeline.errors import ContractBroken, InvalidSource
from ml_pipeline.params import declared_models
from ml_pipeline.paths import Artifacts
from ml_pipeline.sources.loading import load_snapshots
from ml_pipeline.stages.ingestion import ingest
from tests.ml_pipeline.declared import MODEL, declare, document, ignore
from tests.ml_pipeline.mongodb import Database, Proxy
from tests.processes import wait_until


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MONGODB_URI", "MONGODB_DATABASE"):
        monkeypatch.delenv(name, raising=False)


def _written(model: str = MODEL) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Artifacts(model).documents.parent.iterdir()}


def _command(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ml_pipeline.stages.ingestion", MODEL],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_bundled_documents_give_the_same_bytes_from_the_snapshot_and_from_mongodb(
    mongodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").symlink_to(PROJECT_ROOT / "params.yaml")
    (tmp_path / "data").symlink_to(PROJECT_ROOT / "data")
    models = declared_models()
    assert len(models) >= 3
    from_snapshot = {}
    for model in models:
        ingest(model)
        from_snapshot[model] = _written(model)
    monkeypatch.setenv("MONGODB_URI", mongodb.uri())
    load_snapshots(models=models, environment=Environment.read(), report=ignore)
    for model in models:
        ingest(model)
        assert _written(model) == from_snapshot[model]


def test_documents_that_mean_the_same_give_the_same_bytes_however_they_are_stored(
    mongodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"{number:024x}" for number in range(40)]
    declare(tmp_path, [document(number, _id=key, shop=None) | {"shop": "x"} for number, key in enumerate(ids)])
    ingest(MODEL)
    from_snapshot = _written()
    stored: list[dict[str, Any]] = [
        document(number, _id=ObjectId(key), price=float(number % 100), count=float(number), shop="x", private="y")
        for number, key in reversed(list(enumerate(ids)))
    ]
    mongodb.database["tickets"].insert_many(stored)
    monkeypatch.setenv("MONGODB_URI", mongodb.uri())
    ingest(MODEL)
    assert _written() == from_snapshot


def test_null_and_absent_give_the_same_bytes(tmp_path: Path) -> None:
    with_nulls = [
        document(number, price=None if number % 3 else 1, shop="x" if number else None) for number in range(9)
    ]
    declare(tmp_path, with_nulls)
    ingest(MODEL)
    first = _written()
    declare(tmp_path, [{key: value for key, value in entry.items() if value is not None} for entry in with_nulls])
    ingest(MODEL)
    assert _written() == first


def test_a_connection_lost_in_the_middle_gives_the_same_bytes(
    mongodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [document(number) for number in range(2_000)]
    declare(tmp_path, documents)
    ingest(MODEL)
    from_snapshot = _written()
    mongodb.database["tickets"].insert_many(documents)
    with Proxy(mongodb.host, mongodb.port, cut_after=100_000) as proxy:
        monkeypatch.setenv("MONGODB_URI", mongodb.uri(host="127.0.0.1", port=proxy.port))
        ingest(MODEL)
        assert proxy.cuts == 1
    assert "no connection to 127.0.0.1" in capsys.readouterr().err
    assert _written() == from_snapshot


def test_the_bytes_depend_neither_on_the_process_nor_on_the_batch_size(tmp_path: Path) -> None:
    documents = [document(number, price=-1 if number % 50 == 0 else 1) for number in range(1_000)]
    written = []
    for seed, batch_size in [("1", 7), ("2", 1_000)]:
        declare(
            tmp_path, documents, source={"collection": "t", "snapshot": "tickets.jsonl.gz", "batch_size": batch_size}
        )
        with _command(PYTHONHASHSEED=seed) as process:
            assert process.wait(60) == 0
        written.append(_written())
    assert written[0] == written[1]
    assert len(written[0]["quarantine.jsonl"].splitlines()) == 20


def test_the_report_counts_rows_and_faults_and_holds_the_hash_and_the_watermark(tmp_path: Path) -> None:
    declare(tmp_path, [document(number, price="x" if number == 9 else 1) for number in range(10)])
    ingest(MODEL)
    artifacts = Artifacts(MODEL)
    report = json.loads(artifacts.ingestion_report.read_bytes())
    assert report["rows"] == pq.read_metadata(artifacts.documents).num_rows == 9
    assert (report["quarantined"], report["reasons"]) == (1, {"price: wrong_type": 1})
    assert report["watermark"] == "000009"
    assert report["data_hash"] == hashlib.sha256(artifacts.documents.read_bytes()).hexdigest()
    entry = json.loads(artifacts.quarantine.read_text())
    assert (entry["_id"], entry["reasons"][0]["field"]) == ("000009", "price")


def test_too_many_bad_documents_leave_the_quarantine_to_read_and_nothing_else(tmp_path: Path) -> None:
    declare(tmp_path, [document(number, price="x" if number % 2 else 1) for number in range(10)])
    with pytest.raises(ContractBroken, match="5 of 10 documents are refused") as caught:
        ingest(MODEL)
    assert caught.value.details["documents"] == ["000001", "000003", "000005", "000007", "000009"]
    assert list(_written()) == ["quarantine.jsonl"]
    assert len(Artifacts(MODEL).quarantine.read_text().splitlines()) == 5


def test_a_field_that_never_occurs_is_named_with_the_fields_that_do(
    mongodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = [document(number, colour=None, color="red") for number in range(10)]
    for entry in renamed:
        del entry["colour"]
    declare(tmp_path, renamed)
    mongodb.database["tickets"].insert_many([dict(entry) for entry in renamed])
    for uri in ("", mongodb.uri()):
        monkeypatch.setenv("MONGODB_URI", uri)
        with pytest.raises(ContractBroken, match="No document has a value for colour") as caught:
            ingest(MODEL)
        assert "color" in caught.value.details["found"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"collection": "tickets"}, "no snapshot is declared"),
        ({"collection": "tickets", "snapshot": "tickets.jsonl.gz", "query": {"x": 1}}, "needs a MongoDB"),
        ({"collection": "tickets", "snapshot": "absent.jsonl.gz"}, "no snapshot absent"),
    ],
)
def test_a_source_that_cannot_be_read_here_is_a_wrong_declaration(
    tmp_path: Path, source: dict[str, Any], said: str
) -> None:
    declare(tmp_path, [document(1)], source=source)
    with pytest.raises(InvalidSource, match=said):
        ingest(MODEL)


@pytest.mark.parametrize(
    ("signal_number", "code", "left"),
    [(signal.SIGKILL, -9, True), (signal.SIGTERM, 143, False), (signal.SIGINT, 130, False)],
)
def test_a_killed_run_leaves_no_documents_and_the_next_one_gives_the_same(
    tmp_path: Path, signal_number: signal.Signals, code: int, left: bool
) -> None:
    documents = [document(number) for number in range(12_000)]
    declare(tmp_path, documents)
    snapshot = tmp_path / "tickets.jsonl.gz"
    whole = snapshot.read_bytes()
    snapshot.unlink()
    os.mkfifo(snapshot)
    process = _command()
    with snapshot.open("wb") as feed:
        # Flushed, so that the reader has more than one row group before it waits for the rest.
        # Stored, not compressed: since Python 3.12 a reader waits for 128 KiB of the file before it gives a line.
        gzipped = zlib.compressobj(level=0, wbits=zlib.MAX_WBITS | 16)
        lines = b"".join(json.dumps(entry).encode() + b"\n" for entry in documents)
        feed.write(gzipped.compress(lines) + gzipped.flush(zlib.Z_SYNC_FLUSH))
        feed.flush()
        folder = Artifacts(MODEL).documents.parent
        assert wait_until(lambda: any(path.stat().st_size > 1_000 for path in folder.glob(".documents.parquet.*")), 30)
        process.send_signal(signal_number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert not Artifacts(MODEL).documents.exists()
    assert not Artifacts(MODEL).ingestion_report.exists()
    assert bool(list(folder.iterdir())) is left
    snapshot.unlink()
    snapshot.write_bytes(whole)
    ingest(MODEL)
    assert pq.read_metadata(Artifacts(MODEL).documents).num_rows == 12_000
    assert set(_written()) == {"documents.parquet", "quarantine.jsonl", "report.json"}
