from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_pipeline.environment import Environment
from ml_pipeline.errors import InvalidSource, UnknownModel
from ml_pipeline.sources.loading import load_snapshots
from tests.ml_pipeline.declared import declare, document, ignore
from tests.ml_pipeline.mongodb import Database


def _load(*models: str) -> dict[str, int]:
    return load_snapshots(models=models, environment=Environment.read(), report=ignore)


def test_loading_twice_gives_the_snapshot_and_leaves_other_documents(
    mongodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONGODB_URI", mongodb.uri())
    declare(tmp_path, [document(1, extra=1), document(2, sent_at="soon"), document(3, sent_at=None)])
    tickets = mongodb.database["tickets"]
    tickets.insert_many([{"_id": "000001", "text": "stale"}, {"_id": "zzz", "text": "another"}])
    assert _load() == {"tickets": 3}
    assert _load("tickets") == {"tickets": 3}
    first, second, third, other = tickets.find().sort("_id")
    moment = datetime(2026, 3, 3, 14, 0, 0, 123_000)  # noqa: DTZ001 (pymongo's default: naive UTC)
    assert first == document(1, extra=1, sent_at=moment)
    assert (second["sent_at"], third["sent_at"]) == ("soon", None)
    assert other["text"] == "another"
    assert first["sent_at"].replace(tzinfo=UTC).isoformat() == "2026-03-03T14:00:00.123000+00:00"


def test_without_an_address_it_says_which_variable_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    with pytest.raises(InvalidSource, match="MONGODB_URI is unset"):
        _load()


def test_a_model_that_is_not_declared_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/")
    declare(tmp_path, [])
    with pytest.raises(UnknownModel, match="'nope'"):
        _load("nope")
