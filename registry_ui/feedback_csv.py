"""A file of true labels, as people save it from a spreadsheet: which prediction has which label.

The first line names the columns; `prediction_id` and `label` are needed, in any place, and others are passed over.
Commas, semicolons and tabs are understood, and UTF-8 with or without a mark, and UTF-16 with one.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from registry_ui.errors import InvalidUpload

ID, LABEL = "prediction_id", "label"
MOST_BYTES = 2 * 2**20
MOST_LINES = 5_000  # a transaction of one or two seconds, which holds up other writers of SQLite
_LONGEST_CELL = 4_000
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Line:
    """One line, by its number in the file. An empty label is none."""

    number: int
    prediction: str
    label: str


def feedback_lines(content: bytes) -> list[Line]:
    """The lines with something in them; InvalidUpload where the file cannot be read as a whole."""
    if len(content) > MOST_BYTES:
        raise InvalidUpload(
            f"The file is larger than {MOST_BYTES // 2**20} MiB.", advice="Split it, or leave other columns out."
        )
    text = _decoded(content)
    if "\x00" in text:
        raise InvalidUpload("The file holds a NUL character: it is no text.", advice=_SAVE_AS)
    try:
        return list(_lines(text))
    except csv.Error as error:
        raise InvalidUpload(f"The file is not well-formed CSV: {error}.", advice=_SAVE_AS) from error


_SAVE_AS = "Save it as “CSV UTF-8” from the spreadsheet."


def _decoded(content: bytes) -> str:
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidUpload(f"Line {line} is not UTF-8.", advice=_SAVE_AS) from error


def _lines(text: str) -> Iterator[Line]:
    delimiter, columns = _header(text)
    places, width = (columns.index(ID), columns.index(LABEL)), len(columns)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    next(reader)
    for count, cells in enumerate(filter(any, reader), start=1):
        if count > MOST_LINES:
            raise InvalidUpload(f"The file has more than {MOST_LINES} lines.", advice="Split it.")
        if len(cells) != width:
            raise InvalidUpload(
                f"Line {reader.line_num} has {len(cells)} cells, the first line has {width}.",
                advice="Put a cell that holds the delimiter into quotation marks.",
            )
        prediction, label = (cells[place].strip() for place in places)
        if max(len(prediction), len(label)) > _LONGEST_CELL:
            raise InvalidUpload(f"A cell of line {reader.line_num} is longer than any id or label.")
        yield Line(reader.line_num, prediction, label)


def _header(text: str) -> tuple[str, list[str]]:
    """The delimiter under which the first line names both columns, and all that it names."""
    first = text.partition("\n")[0].rstrip("\r")
    for delimiter in _DELIMITERS:
        columns = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        if columns.count(ID) == columns.count(LABEL) == 1:
            return delimiter, columns
    raise InvalidUpload(
        f"The first line names no columns {ID} and {LABEL}, or one of them twice.",
        advice=f"Begin the file with a line such as {ID},{LABEL}.",
    )
