"""Bundled snapshots into a MongoDB, to try the pipeline against a database."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path

from ml_pipeline.environment import Environment
from ml_pipeline.errors import InvalidSource
from ml_pipeline.params import declared_models, load_spec
from ml_pipeline.sources.mongo import Connection, connect, replace_documents
from ml_pipeline.sources.progress import Report, with_progress
from ml_pipeline.sources.snapshot import Snapshot
from ml_pipeline.sources.source import Document
from ml_pipeline.spec import ModelSpec
from ml_pipeline.spec.inputs import as_utc_milliseconds


def load_snapshots(*, models: Sequence[str], environment: Environment, report: Report) -> dict[str, int]:
    """Put the snapshots of `models` (of all declared ones, where none is named) into their collections.

    Documents replace those of the same `_id`, so loading again changes nothing, and others stay. Moments written as
    ISO 8601 become BSON dates where the spec says `datetime`. Gives the number of documents by collection.
    InvalidSource says that MONGODB_URI is unset, or what is wrong with a snapshot.
    """
    if environment.mongodb_uri is None:
        raise InvalidSource(
            "MONGODB_URI is unset, so there is no database to fill.",
            advice="Set it, as in MONGODB_URI=mongodb://127.0.0.1:27017. Without it the pipeline reads the snapshots.",
        )
    connection = connect(environment.mongodb_uri, environment.mongodb_database)
    with connection.client:
        specs = [load_spec(model) for model in models or declared_models()]
        return {spec.source.collection: _load(connection, spec, report) for spec in specs if spec.source.snapshot}


def _load(connection: Connection, spec: ModelSpec, report: Report) -> int:
    collection = spec.source.collection
    report(f"{collection}: {spec.source.snapshot} into {connection.place}")
    documents = with_progress(_as_bson(spec), report)
    count = 0
    while batch := list(islice(documents, spec.source.batch_size)):
        replace_documents(connection=connection, collection=collection, documents=batch, report=report)
        count += len(batch)
    report(f"{collection}: {count:,} documents")
    return count


def _as_bson(spec: ModelSpec) -> Iterator[Document]:
    moments = [name for name, field in spec.columns.items() if field.type == "datetime"]
    for document in Snapshot(Path(spec.source.snapshot or "")).documents():
        for name in moments:
            if isinstance(document.get(name), str):
                # What is no moment stays as it is, for the data contract to refuse.
                with suppress(ValueError, OverflowError):
                    document[name] = as_utc_milliseconds(datetime.fromisoformat(document[name]))
        yield document
