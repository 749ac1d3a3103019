"""The audit log as text to keep elsewhere: JSON lines that can be verified without this code, or CSV for people.

`docs/audit.md` has the few lines of Python that verify an export.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet

from registry_ui.models import AuditEntry

_COLUMNS = ("sequence", "at", "actor", "action", "model", "subject", "payload", "previous_hash", "hash")
# A spreadsheet takes a cell that starts with one of these for a formula, also behind spaces or in full width.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def export_lines(*, entries: QuerySet[AuditEntry], form: str) -> Iterator[str]:
    """The entries, oldest first, in one of `FORMS`, a line at a time: any number of them in bounded memory."""
    rows = entries.order_by("sequence").iterator(chunk_size=1_000)
    return FORMS[form](_row(entry) for entry in rows)


def _row(entry: AuditEntry) -> dict[str, Any]:
    """The columns as text and number; the moment is spelled as in the sealed text."""
    return {name: getattr(entry, name) for name in _COLUMNS} | {"at": entry.at.isoformat()}


def _json(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row) + "\n"


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(_COLUMNS)
    for row in rows:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        writer.writerow([_cell(value) for value in row.values()])
    yield line.getvalue()


def _cell(value: Any) -> str:
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


FORMS: dict[str, Callable[[Iterator[dict[str, Any]]], Iterator[str]]] = {"csv": _csv, "json": _json}
