"""The spool and its shipping: nothing acknowledged is lost, nothing is logged twice, nothing bad blocks the rest."""

import errno
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uuid_utils
from django.db import OperationalError, connection

from ml_pipeline.canonical import sha256_hex
from predictions.errors import SpoolFull
from predictions.metrics import PROBABILITIES
from predictions.models import Observation, Prediction
from predictions.prediction_log.segment import Segment
from predictions.prediction_log.shipping import QUARANTINE, ship_spool
from predictions.prediction_log.spool import Spool

pytestmark = pytest.mark.django_db


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", limit_bytes=10_000_000)
    yield spool
    spool.close()


def line(**changes: Any) -> bytes:
    record = {
        "id": str(uuid_utils.uuid7()), "created_at": "2026-03-03T14:00:00+00:00", "model": "spam", "version": 1,
        "bundle": "a" * 64, "route": "champion", "entity_id": "", "inputs": {"body": "hé \u2028"}, "label": "ham",
        "probability": 0.25, "threshold": None, "latency_us": 900, "caller": "ann",
    }  # fmt: skip
    return json.dumps({**record, **changes}).encode() + b"\n"


def without(entry: bytes, *names: str) -> bytes:
    record = {name: value for name, value in json.loads(entry).items() if name not in names}
    return json.dumps(record).encode() + b"\n"


def files(spool: Spool) -> list[Path]:
    return list(spool.folder.glob("*.jsonl"))


def test_lines_arrive_as_they_were_and_the_segment_is_gone(spool: Spool) -> None:
    spool.append(line(label="spam") + line())
    assert ship_spool(spool=spool) == 2

    row = Prediction.objects.get(label="spam")
    assert (row.inputs, row.probability, row.threshold, row.caller) == ({"body": "hé \u2028"}, 0.25, None, "ann")
    assert row.created_at.isoformat() == "2026-03-03T14:00:00+00:00"
    assert files(spool) == []
    assert ship_spool(spool=spool) == 0


def test_of_kept_inputs_the_hash_is_taken_at_shipping_and_lines_from_before_it_arrive_too(spool: Spool) -> None:
    hashed = line(inputs=None, input_hash="c" * 64, token="dd")
    spool.append(hashed + without(line(), "token", "input_hash"))
    ship_spool(spool=spool)

    [alone, kept] = Prediction.objects.order_by("id")
    assert (alone.inputs, alone.input_hash, alone.token) == (None, "c" * 64, "dd")
    assert Prediction.objects.filter(inputs__isnull=True).get() == alone, "no inputs are NULL, not the JSON null"
    assert (kept.inputs, kept.token) == ({"body": "hé \u2028"}, "")
    assert kept.input_hash == sha256_hex('{"body":"hé \u2028"}'.encode())


def test_shipping_the_same_lines_again_changes_nothing(spool: Spool) -> None:
    lines = b"".join(line() for _ in range(1_200))
    for _ in range(2):
        spool.append(lines)
        ship_spool(spool=spool)
    assert Prediction.objects.count() == 1_200


def test_the_segment_of_a_living_process_is_left_alone_and_that_of_a_dead_one_adopted(
    spool: Spool, tmp_path: Path
) -> None:
    other = Spool(spool.folder, limit_bytes=10_000_000)
    other.append(line())

    assert ship_spool(spool=spool) == 0
    other.close()  # the kernel drops a dead process's locks in the same way
    assert ship_spool(spool=spool) == 1
    assert Prediction.objects.count() == 1


def test_a_torn_last_line_is_dropped_because_its_answer_never_left(spool: Spool) -> None:
    spool.folder.mkdir()
    (spool.folder / f"{uuid_utils.uuid7()}.jsonl").write_bytes(line() + line()[:-20])

    assert ship_spool(spool=spool) == 1
    assert (Prediction.objects.count(), Observation.objects.count()) == (1, 0)


def test_lines_that_the_table_refuses_are_set_aside_and_the_rest_arrives(spool: Spool) -> None:
    bad = [
        b"not json\n", b'{"id": "x"}\n', line(probability=None), line(version=-1), line(id="no uuid"),
        line(created_at="soon"), line(label=None), b"\xff\xfe\n", b"[]\n", b"null\n",
    ]  # fmt: skip
    spool.append(line() + b"".join(bad) + line())

    assert ship_spool(spool=spool) == len(bad) + 2
    assert Prediction.objects.count() == 2
    [quarantined] = (spool.folder / QUARANTINE).iterdir()
    assert quarantined.read_bytes() == b"".join(bad)
    assert Observation.objects.get().kind == "log_quarantined"
    assert files(spool) == []


def test_while_the_database_refuses_everything_waits_and_then_arrives_once(spool: Spool) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    for _ in range(5):
        spool.append(line())
        with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
            ship_spool(spool=spool)
    assert len(files(spool)) <= 2, "an outage must not leave a file for every attempt"

    ship_spool(spool=spool)
    ship_spool(spool=spool)
    assert Prediction.objects.count() == 5
    assert files(spool) == []


def test_a_spool_at_its_limit_refuses_and_takes_again_once_shipped(tmp_path: Path) -> None:
    entry = line()
    spool = Spool(tmp_path / "spool", limit_bytes=3 * len(entry))
    other = Spool(tmp_path / "spool", limit_bytes=3 * len(entry))
    spool.append(entry + entry)
    with pytest.raises(SpoolFull):
        other.append(line() + line())
    other.append(line())
    spool._measured_at = 0.0  # as after half a second
    with pytest.raises(SpoolFull):
        spool.append(line())

    ship_spool(spool=spool)
    spool.append(line())
    spool.close()
    other.close()


def test_a_disk_that_takes_half_a_line_keeps_none_of_it(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append(line())
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:30]))
    with pytest.raises(SpoolFull):
        spool.append(line())
    monkeypatch.undo()
    spool.append(line())

    assert ship_spool(spool=spool) == 2
    assert Prediction.objects.count() == 2


def test_a_disk_that_takes_no_new_segment_is_left_as_it_was(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(SpoolFull, match="No space left"):
            spool.append(line())

    assert list(spool.folder.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_measure_tells_bytes_and_age(spool: Spool) -> None:
    assert spool.measure().bytes == 0
    entry = line()
    spool.append(entry)
    size = spool.measure()
    assert size.bytes == len(entry)
    assert 0 <= size.oldest_seconds < 30


def test_a_segment_that_was_shipped_meanwhile_is_not_adopted(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path)
    assert Segment.adopt(segment.path) is None
    segment.discard()
    assert Segment.adopt(segment.path) is None
    assert uuid.UUID(segment.path.stem).version == 7


def test_shipped_rows_are_counted_by_the_tenth_of_their_probability(spool: Spool) -> None:
    def counted() -> dict[str, float]:
        samples = PROBABILITIES.collect()[0].samples
        return {
            sample.labels["from"]: sample.value
            for sample in samples
            if sample.labels["model"] == "tenths" and sample.name.endswith("_total")
        }

    for probability in (0.0, 0.05, 0.5, 0.99, 1.0):
        spool.append(line(id=str(uuid_utils.uuid7()), model="tenths", probability=probability))
    ship_spool(spool=spool)
    assert counted() == {"0": 2, "0.5": 1, "0.9": 2}
