"""Peak memory of ingestion: `python -m benchmarks.ingestion_memory`, run in the project's root.

A million generated documents of 500 bytes go through the stage's own code, each count in a process of its own, beside
two references from the same run: a tenth of the documents, and a tenth of them held in a list before they are written.
Where TEST_MONGODB_URI is set, 20,000 of the documents are also read from that server. Fails above 400 MB.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from ml_pipeline.documents import ID
from ml_pipeline.params import load_spec
from ml_pipeline.sources.mongo import Collection, connect, replace_documents
from ml_pipeline.sources.progress import with_progress
from ml_pipeline.sources.source import Document, in_id_order
from ml_pipeline.stages.command import say
from ml_pipeline.stages.ingestion import store_documents

LIMIT_MB = 400
DOCUMENTS = 1_000_000
SERVED = 20_000
BYTES = 500
_SPEC = load_spec("sentiment")


def generated(count: int) -> Iterator[Document]:
    """Reviews that do not repeat, each 500 bytes as JSON."""
    source = random.Random(7)  # noqa: S311 (data for a measurement)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(20_000)]
    for number in range(count):
        document: Document = {ID: f"{number:024d}", "text": "", "rating": source.randint(-400, 400) / 100}
        room = BYTES - len(json.dumps(document))
        document["text"] = " ".join(source.choices(words, k=100))[:room]
        yield document


def measure(kind: str, count: int) -> None:
    """Ingest in this process and print its peak memory in MB and the seconds it took."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        documents: Iterable[Document] = (
            _served() if kind == "server" else in_id_order(generated(count), "the generator")
        )
        if kind == "list":
            documents = list(documents)
        outs = Path(folder)
        tally = store_documents(_SPEC, with_progress(documents, say), parquet=outs / "a", quarantine=outs / "b")
    assert (tally.rows, tally.quarantined) == (count, 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mb": round(peak), "seconds": round(time.monotonic() - started, 1)}))


def _served() -> Iterator[Document]:
    connection = connect(os.environ["TEST_MONGODB_URI"], os.environ["BENCHMARK_DATABASE"])
    with connection.client:
        yield from Collection(connection, _SPEC.source, ["text", "rating"], say).documents()


def _measured(kind: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.ingestion_memory", kind, str(count)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, float] = json.loads(output)
    print(f"{kind:8} {count:>9,} documents: {figures['peak_mb']:.0f} MB, {figures['seconds']:.1f} s", flush=True)
    return figures


def _measured_from_server() -> None:
    os.environ["BENCHMARK_DATABASE"] = f"benchmark_{uuid.uuid4().hex[:8]}"
    connection = connect(os.environ["TEST_MONGODB_URI"], os.environ["BENCHMARK_DATABASE"])
    with connection.client:
        try:
            replace_documents(
                connection=connection,
                collection=_SPEC.source.collection,
                documents=list(generated(SERVED)),
                report=say,
            )
            _measured("server", SERVED)
        finally:
            connection.client.drop_database(connection.database)


def main() -> int:
    tenth = _measured("stream", DOCUMENTS // 10)["peak_mb"]
    listed = _measured("list", DOCUMENTS // 10)["peak_mb"]
    if "TEST_MONGODB_URI" in os.environ:
        _measured_from_server()
    peak = _measured("stream", DOCUMENTS)["peak_mb"]
    print(f"peak {peak:.0f} MB of {LIMIT_MB} MB allowed")
    print(f"ratio to a tenth of the documents: {peak / tenth:.2f} (1 means bounded)")
    print(f"ratio to holding a tenth of the documents in a list: {peak / listed:.2f}")
    return 0 if peak < LIMIT_MB else 1


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        sys.exit(main())
