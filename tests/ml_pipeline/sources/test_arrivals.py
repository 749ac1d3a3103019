"""How many documents came since a reading, counted by a real MongoDB wire server."""

from typing import Any

import pytest
from bson import ObjectId

from ml_pipeline.sources.arrivals import documents_arrived
from tests.ml_pipeline.mongodb import Database


@pytest.fixture
def applications(mongodb: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the bundled model `mortgage` reads, on the server that MONGODB_URI names."""
    monkeypatch.setenv("MONGODB_URI", mongodb.uri())
    return mongodb.database["mortgage_applications"]


def document(number: int) -> dict[str, Any]:
    return {"_id": ObjectId(f"{number:024x}"), "loan_amount": number}


def test_what_stands_behind_the_last_read_document_came_since(applications: Any) -> None:
    applications.insert_many([document(number) for number in range(10)])
    assert documents_arrived("mortgage", known=10, watermark=str(ObjectId(f"{9:024x}"))) == 0
    applications.insert_many([document(number) for number in range(10, 17)])
    applications.delete_many({"_id": {"$lt": ObjectId(f"{4:024x}")}})
    assert documents_arrived("mortgage", known=10, watermark=str(ObjectId(f"{9:024x}"))) == 7


def test_ids_that_follow_no_time_are_counted_by_how_many_there_are(applications: Any) -> None:
    applications.insert_many([{"_id": key} for key in ("m", "a", "z")])
    assert documents_arrived("mortgage", known=1, watermark="m") == 2
