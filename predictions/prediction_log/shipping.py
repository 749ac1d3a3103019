"""From the spool into the prediction table: in bulk, idempotently by id, and never stopped by one bad line."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
import structlog
import uuid_utils
from django.db import DataError, IntegrityError, connection, models, transaction

from predictions.metrics import LOG_LINES_REFUSED, PROBABILITY_BINS, probabilities
from predictions.models import Prediction
from predictions.observations import LOG_QUARANTINED, record_observation
from predictions.prediction_log.input_hash import input_hash
from predictions.prediction_log.segment import Segment
from predictions.prediction_log.spool import Spool

CHUNK_ROWS = 500
QUARANTINE = "quarantine"

# What a row itself can be at fault for. Anything else is the database's state, and the segment waits.
_ROW_FAULTS = (DataError, IntegrityError, ValueError, TypeError, KeyError, OverflowError)

# A caller got what is shipped: the rows of a shadow are written by a worker.
_SHIPPED = [field for field in Prediction._meta.concrete_fields if field.name != "shadow_of"]
_NAMES = [field.name for field in _SHIPPED]
_columns_of = itemgetter(*_NAMES)
_scored_of = itemgetter(*map(_NAMES.index, ("model", "version", "probability")))

log = structlog.get_logger(__name__)


def ship_spool(*, spool: Spool) -> int:
    """Ship all that waits and give the number of lines; DatabaseError leaves the rest for the next call."""
    shipped = 0
    for segment in spool.take_waiting():
        shipped += _ship_segment(segment)
        spool.mark_shipped(segment)
    spool.measure()
    return shipped


def _ship_segment(segment: Segment) -> int:
    lines = iter(segment.lines())
    count = 0
    while chunk := list(islice(lines, CHUNK_ROWS)):
        try:
            _insert(chunk)
        except _ROW_FAULTS:
            _insert_one_by_one(chunk, segment.path)
        count += len(chunk)
    return count


def _insert_one_by_one(lines: Iterable[bytes], path: Path) -> None:
    refused = [(line, fault) for line in lines if (fault := _fault_of(line)) is not None]
    if not refused:
        return
    folder = path.parent / QUARANTINE
    folder.mkdir(exist_ok=True)
    with (folder / path.name).open("ab") as stream:
        stream.writelines(line for line, _ in refused)
    record_observation(
        kind=LOG_QUARANTINED,
        subject=path.name,
        message=f"{len(refused)} lines of the prediction log were refused and set aside. The first: {refused[0][1]}",
    )
    LOG_LINES_REFUSED.inc(len(refused))
    log.error("prediction_log.quarantined", segment=path.name, lines=len(refused))


def _fault_of(line: bytes) -> str | None:
    """Insert one line; what is wrong with it, if it is refused."""
    try:
        _insert([line])
    except _ROW_FAULTS as error:
        return f"{type(error).__name__}: {error}"
    return None


def _insert(lines: Sequence[bytes]) -> None:
    vendor = connection.vendor
    rows = [_values(line, vendor) for line in lines]
    tenths = _tenths(rows)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_statement(vendor), rows)
    for of, times in tenths.items():
        probabilities(*of).inc(times)


def _tenths(rows: Iterable[Sequence[Any]]) -> Counter[tuple[str, int, int]]:
    """How many rows have a probability in which tenth, by model and version.

    Counted here and not where rows are answered: a chunk costs some additions, a request none.
    """
    scored = map(_scored_of, rows)
    return Counter((model, version, int(probability * PROBABILITY_BINS)) for model, version, probability in scored)


@cache
def _statement(vendor: str) -> str:
    """`INSERT OR IGNORE`, which bulk_create would use on SQLite, also swallows rows that break a constraint."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in _SHIPPED)
    places = ", ".join(["%s"] * len(_SHIPPED))
    return (
        f"INSERT INTO {quote(Prediction._meta.db_table)} ({columns}) VALUES ({places}) "  # noqa: S608 - our own names
        f"ON CONFLICT ({quote('id')}) DO NOTHING"
    )


def _values(line: bytes, vendor: str) -> list[Any]:
    """The columns of one line, in the table's order, as the database's driver takes them.

    Django's own conversion of each field costs more than the insertion: shipping is part of what a prediction costs.
    Lines with kept inputs, and those from before a column existed, have no `input_hash`.
    """
    record = {"token": "", **orjson.loads(line)}
    if "input_hash" not in record:
        record["input_hash"] = input_hash(record["inputs"])
    values = list(_columns_of(record))
    for place, convert in _conversions(vendor):
        values[place] = convert(values[place])
    return values


@cache
def _conversions(vendor: str) -> list[tuple[int, Callable[[Any], Any]]]:
    """Place → conversion, of the columns that are not taken as they are."""
    by_type: dict[type, Callable[[Any], Any]] = {
        models.UUIDField: _sqlite_uuid if vendor == "sqlite" else uuid.UUID,
        models.DateTimeField: _sqlite_moment if vendor == "sqlite" else datetime.fromisoformat,
        models.JSONField: _json_text,
    }
    return [(place, by_type[type(field)]) for place, field in enumerate(_SHIPPED) if type(field) in by_type]


def _json_text(value: Any) -> str | None:
    """No inputs are NULL, not the JSON null."""
    return None if value is None else orjson.dumps(value).decode()


def _sqlite_uuid(text: str) -> str:
    return uuid_utils.UUID(text).hex


@lru_cache(maxsize=16)  # the rows of one request share their moment
def _sqlite_moment(text: str) -> str:
    """As Django's backend writes it: in UTC, without zone, comparable as text."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat(" ")
