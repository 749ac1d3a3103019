"""Which source a model's documents come from: MongoDB where `MONGODB_URI` is set, else the bundled snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_pipeline.environment import Environment
from ml_pipeline.errors import InvalidSource
from ml_pipeline.sources.progress import Report
from ml_pipeline.sources.snapshot import Snapshot
from ml_pipeline.sources.source import DocumentSource
from ml_pipeline.spec import ModelSpec, Source


@contextmanager
def open_source(spec: ModelSpec, environment: Environment, report: Report) -> Iterator[DocumentSource]:
    """The source to read now; InvalidSource says what the declaration or the environment lacks."""
    if environment.mongodb_uri is None:
        yield _snapshot(spec.source)
        return
    # pymongo takes half a second to import, and most runs on a laptop never need it.
    from ml_pipeline.sources.mongo import Collection, connect  # noqa: PLC0415

    connection = connect(environment.mongodb_uri, environment.mongodb_database)
    fields = [*spec.columns, spec.target.field]
    with connection.client:
        yield Collection(connection=connection, source=spec.source, fields=fields, report=report)


def _snapshot(source: Source) -> Snapshot:
    if source.snapshot is None:
        raise InvalidSource(
            f"There is nowhere to read {source.collection} from: MONGODB_URI is unset and no snapshot is declared.",
            advice="Set MONGODB_URI, or give the model's `source` section a `snapshot`.",
        )
    if source.query:
        raise InvalidSource(
            "The `source.query` needs a MongoDB, and MONGODB_URI is unset.",
            advice="Set MONGODB_URI; a snapshot can be narrowed by `source.window` alone.",
        )
    return Snapshot(Path(source.snapshot), source.window)
