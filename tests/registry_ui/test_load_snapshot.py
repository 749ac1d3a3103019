"""`manage.py load_snapshot` as a person runs it; tests/ml_pipeline/sources/test_loading.py tests what it calls."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.ml_pipeline.declared import declare, document
from tests.ml_pipeline.mongodb import Database, mongodb

__all__ = ["mongodb"]


def test_the_command_fills_the_collection_and_says_how_many(
    mongodb: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONGODB_URI", mongodb.uri())
    declare(tmp_path, [document(1), document(2)])
    said = StringIO()
    call_command("load_snapshot", stderr=said)
    assert mongodb.database["tickets"].count_documents({}) == 2
    assert "tickets: 2 documents" in said.getvalue()


def test_the_command_refuses_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    with pytest.raises(CommandError, match="MONGODB_URI is unset"):
        call_command("load_snapshot")
