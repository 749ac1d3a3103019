import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_pipeline.errors import InvalidSource
from ml_pipeline.sources.snapshot import Snapshot
from ml_pipeline.spec.sections import Window
from tests.ml_pipeline.declared import write_snapshot


def _file(folder: Path, *lines: bytes) -> Path:
    path = folder / "some.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines)))
    return path


GOOD = [b'{"_id": "a", "x": 1}', b'{"_id": "b", "y": null}']


def test_documents_come_in_order_and_their_fields_can_be_named(tmp_path: Path) -> None:
    snapshot = Snapshot(_file(tmp_path, *GOOD))
    assert list(snapshot.documents()) == [{"_id": "a", "x": 1}, {"_id": "b", "y": None}]
    assert snapshot.field_names() == ["x", "y"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([*GOOD, b'{"_id": "c", "x"'], "Line 3, column 17 of snapshot .* is not JSON"),
        ([*GOOD, b""], "Line 3.* is not JSON"),
        ([*GOOD, b'{"_id": "c", "x": "\xff"}'], "Line 3 .* is not JSON in UTF-8"),
        ([*GOOD, b'{"_id": "c", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"], "Line 3 .* is not JSON"),
        ([*GOOD, b'["c"]'], "Line 3 .* is not a JSON object"),
        ([*GOOD, b'{"_id": "aa"}'], "is not sorted: _id 'aa' follows 'b'"),
        ([*GOOD, b'{"_id": "b"}'], "holds the _id 'b' twice"),
        ([*GOOD, b'{"_id": 3}'], "mixes text and number ids"),
        ([*GOOD, b'{"x": 3}'], "_id of type NoneType"),
        ([*GOOD, b'{"_id": true}'], "_id of type bool"),
        ([*GOOD, b'{"_id": "\\ud800"}'], "which is not text"),
    ],
)
def test_a_bad_line_stops_the_reading_by_its_number_or_id(tmp_path: Path, lines: list[bytes], said: str) -> None:
    with pytest.raises(InvalidSource, match=said):
        list(Snapshot(_file(tmp_path, *lines)).documents())


def test_the_message_about_a_bad_line_does_not_repeat_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidSource) as caught:
        list(Snapshot(_file(tmp_path, b'{"_id": "a", "diagnosis": private}')).documents())
    assert "private" not in str(caught.value)


def test_a_file_that_is_missing_cut_short_or_not_gzip_is_named(tmp_path: Path) -> None:
    whole = _file(tmp_path, *(json.dumps({"_id": f"{n:05}", "x": n * 7919}).encode() for n in range(5_000)))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole.read_bytes()[:-2_000])
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_text('{"_id": "a"}\n')
    for path, said in [
        (tmp_path / "absent.gz", "There is no snapshot"),
        (cut, r"cannot be read beyond line [1-9]\d*: Compressed file ended"),
        (plain, "beyond line 0: Not a gzipped file"),
    ]:
        with pytest.raises(InvalidSource, match=said):
            list(Snapshot(path).documents())


def test_a_window_takes_its_start_and_not_its_end_and_compares_in_utc(tmp_path: Path) -> None:
    moments = [
        "2020-01-01T00:30:00+01:00",
        "2020-01-01T00:00:00",
        "2020-06-01T12:00:00Z",
        "2021-01-01T00:00:00Z",
        "soon",
        None,
        5,
    ]
    path = tmp_path / "some.jsonl.gz"
    write_snapshot(path, [{"_id": str(number), "at": moment} for number, moment in enumerate(moments)])
    window = Window.model_validate(
        {"field": "at", "from": datetime(2020, 1, 1, tzinfo=UTC), "to": "2021-01-01T00:00:00"}
    )
    assert [document["_id"] for document in Snapshot(path, window).documents()] == ["1", "2"]
