"""Rows as text to take out, a line at a time: any number of them in bounded memory.

JSON lines are for programs. CSV is for people, whose spreadsheets must not take a cell for a formula.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}
FORMS = tuple(CONTENT_TYPES)

# A spreadsheet takes a cell that starts with one of these for a formula, also behind spaces or in full width.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def export_text(*, columns: Sequence[str], rows: Iterable[dict[str, Any]], form: str) -> Iterator[str]:
    """The rows, which all have these columns in this order, in one of `FORMS`."""
    return _csv(columns, rows) if form == "csv" else (json.dumps(row) + "\n" for row in rows)


def file_ending(form: str) -> str:
    return "jsonl" if form == "json" else form


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(columns)
    for row in rows:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        writer.writerow([_cell(value) for value in row.values()])
    yield line.getvalue()


def _cell(value: Any) -> Any:
    """A number stays one, also below 0; of a text, what would be a formula begins with an apostrophe."""
    if value is None or isinstance(value, int | float):
        return value
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
