"""A bundled snapshot: gzip-compressed JSON lines, one document a line, sorted by `_id`."""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from ml_pipeline.errors import InvalidSource
from ml_pipeline.sources.source import ID, Document, in_id_order
from ml_pipeline.spec.inputs import as_utc_milliseconds
from ml_pipeline.spec.sections import Window

_SAMPLED = 100


@dataclass(frozen=True)
class Snapshot:
    """The documents of a snapshot, those inside `window` alone where there is one."""

    path: Path
    window: Window | None = None

    @property
    def place(self) -> str:
        return f"snapshot {self.path}"

    def documents(self) -> Iterator[Document]:
        window = self.window
        for document in in_id_order(self._lines(), self.place):
            if window is None or _lies_within(window, document.get(window.field)):
                yield document

    def count(self, *, behind: str) -> tuple[int, int]:
        ids = [document[ID] for document in self.documents()]
        last = int(behind) if ids and isinstance(ids[0], int) else behind
        return len(ids), sum(one > last for one in ids)

    def field_names(self) -> list[str]:
        return sorted({name for document in islice(self._lines(), _SAMPLED) for name in document} - {ID})

    def _lines(self) -> Iterator[Document]:
        number = 0
        try:
            with gzip.open(self.path, "rb") as lines:
                for number, line in enumerate(lines, start=1):
                    yield self._parsed(number, line)
        except FileNotFoundError:
            raise InvalidSource(
                f"There is no {self.place}.", advice="Run from the project's root, or set MONGODB_URI."
            ) from None
        except (EOFError, zlib.error, OSError) as error:
            raise InvalidSource(
                f"The {self.place} cannot be read beyond line {number}: {error}.",
                advice="Get the file again: it is cut short, damaged or not gzip.",
            ) from error

    def _parsed(self, number: int, line: bytes) -> Document:
        try:
            document = json.loads(line.decode().rstrip("\n"))
        except (ValueError, RecursionError) as error:
            # The error's own text could quote the document.
            where = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise InvalidSource(
                f"Line {number}{where} of {self.place} is not JSON in UTF-8.", advice="Correct or remove this line."
            ) from None
        if not isinstance(document, dict):
            raise InvalidSource(
                f"Line {number} of {self.place} is not a JSON object.", advice="Every line holds one document."
            )
        return document


def _lies_within(window: Window, value: object) -> bool:
    """As MongoDB compares: a value that is no moment lies in no window."""
    if not isinstance(value, str):
        return False
    try:
        moment = as_utc_milliseconds(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        return False
    after = window.start is None or moment >= as_utc_milliseconds(window.start)
    return after and (window.end is None or moment < as_utc_milliseconds(window.end))
