"""The audit log as text to keep elsewhere: JSON lines that can be verified without this code, or CSV for people.

`docs/audit.md` has the few lines of Python that verify an export.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from registry_ui.exports import export_text
from registry_ui.models import AuditEntry

_COLUMNS = ("sequence", "at", "actor", "action", "model", "subject", "payload", "previous_hash", "hash")


def export_lines(*, entries: QuerySet[AuditEntry], form: str) -> Iterator[str]:
    """The entries, oldest first, in one of `exports.FORMS`."""
    rows = entries.order_by("sequence").iterator(chunk_size=1_000)
    return export_text(columns=_COLUMNS, rows=(_row(entry) for entry in rows), form=form)


def _row(entry: AuditEntry) -> dict[str, Any]:
    """The columns as text and number; the moment is spelled as in the sealed text."""
    return {name: getattr(entry, name) for name in _COLUMNS} | {"at": entry.at.isoformat()}
