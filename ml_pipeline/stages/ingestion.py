"""Documents of one model, from their source to a Parquet file that keeps the data contract."""

from collections.abc import Iterable
from pathlib import Path

from ml_pipeline.canonical import canonical_json, file_sha256, readable_json, replacing, write_bytes
from ml_pipeline.contract import Tally, absent_fields, check_contract, quarantine_entry
from ml_pipeline.documents import DocumentsFile, cast_document, document_schema
from ml_pipeline.environment import Environment
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.sources.opening import open_source
from ml_pipeline.sources.progress import with_progress
from ml_pipeline.sources.source import Document
from ml_pipeline.spec import ModelSpec
from ml_pipeline.stages.command import run_stage, say


def ingest(model: str) -> None:
    """Read the documents of MODEL, check the data contract, and write documents, quarantine and report."""
    spec, artifacts = load_spec(model), Artifacts(model)
    _remove_leftovers(artifacts.documents.parent)
    with open_source(spec, Environment.read(), say) as source:
        say(f"  reading {source.place}")
        documents = with_progress(source.documents(), say)
        # The quarantine is written first: where the contract is broken, it is what a person reads next.
        with replacing(artifacts.documents) as parquet:
            with replacing(artifacts.quarantine) as quarantine:
                tally = store_documents(spec, documents, parquet=parquet, quarantine=quarantine)
            found = source.field_names() if absent_fields(spec, tally) else []
            check_contract(spec, tally, found_fields=found)
            report = {**tally.report(), "data_hash": file_sha256(parquet)}
        write_bytes(artifacts.ingestion_report, readable_json(report))
    say(f"  {tally.rows:,} rows, {tally.quarantined:,} documents in quarantine")


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left in the making. The folder is this stage's own, and DVC runs it once at a time."""
    for path in folder.glob(".*"):
        path.unlink()


def store_documents(spec: ModelSpec, documents: Iterable[Document], *, parquet: Path, quarantine: Path) -> Tally:
    """Write good documents to one file and the ids and faults of the others to another, in bounded memory."""
    tally = Tally(spec)
    with DocumentsFile(parquet, document_schema(spec)) as rows, quarantine.open("wb") as refused:
        for document in documents:
            cast = cast_document(spec, document)
            tally.add(document, cast)
            if cast.faults:
                refused.write(canonical_json(quarantine_entry(spec, cast)) + b"\n")
            else:
                rows.append(cast.row)
    return tally


if __name__ == "__main__":
    run_stage("ingestion", ingest)
