"""A MongoDB collection as document source. The one module that imports pymongo."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from bson import Decimal128, ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from pymongo import ASCENDING, MongoClient, ReplaceOne
from pymongo.cursor import Cursor
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    CursorNotFound,
    InvalidName,
    OperationFailure,
)
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from ml_pipeline.errors import InvalidSource, SourceUnavailable
from ml_pipeline.sources.address import shown_hosts, without_secrets
from ml_pipeline.sources.progress import Report
from ml_pipeline.sources.source import ID, Document, in_id_order
from ml_pipeline.spec import Source
from ml_pipeline.spec.inputs import as_utc_milliseconds

DEFAULT_DATABASE = "codesoft"
_SCHEMES = ("mongodb://", "mongodb+srv://")
_STARTS = " or ".join(_SCHEMES)
_ADVICE = "It looks like mongodb+srv://USER:PASSWORD@HOST/DATABASE, USER and PASSWORD percent-encoded."
_LOST = (AutoReconnect, ConnectionFailure, CursorNotFound)
_TRIES = 5
_SAMPLED = 100
_BATCH_CHARACTERS = 16_000_000
# The address may set other ones. A sorted, filtered read may think long before its first batch.
_TIMEOUTS = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 120_000}
# A date beyond the year 9999 or a broken string becomes a value that the contract refuses, not the end of the read.
_CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Connection:
    """A client that connects when it is first used, and the database it means."""

    uri: str = field(repr=False)
    client: MongoClient[Document]
    database: str
    first_pause: float = 0.5

    @property
    def place(self) -> str:
        return f"database {self.database} at {shown_hosts(self.uri)}"

    def try_often(self, call: Callable[[], Result], report: Report) -> Result:
        """The result of `call`, made again with growing pauses while the connection is lost; else a CodesoftError."""

        def announce(state: RetryCallState) -> None:
            pause = state.next_action.sleep if state.next_action else 0.0
            report(f"  no connection to {shown_hosts(self.uri)}, trying again in {pause:.1f} s")

        again = Retrying(
            retry=retry_if_exception_type(_LOST),
            stop=stop_after_attempt(_TRIES),
            wait=wait_exponential(multiplier=self.first_pause, max=10),
            before_sleep=announce,
            reraise=True,
        )
        with self._faults():
            return again(call)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn the driver's errors into ours. The cause is cut off: its text may hold the address."""
        try:
            yield
        except _LOST as error:
            raise SourceUnavailable(
                f"MongoDB at {shown_hosts(self.uri)} did not answer in {_TRIES} tries: {self._reason(error)}.",
                advice="Check MONGODB_URI, the server, and its network access list; then run again.",
            ) from None
        except OperationFailure as error:
            raise InvalidSource(
                f"The {self.place} refused: {self._reason(error)}.",
                advice="Check user, password, rights and `source.query`.",
            ) from None
        except (ConfigurationError, InvalidName) as error:
            raise InvalidSource(
                f"MONGODB_URI or MONGODB_DATABASE is wrong: {self._reason(error)}.", advice="Correct the variable."
            ) from None
        except (BSONError, OverflowError) as error:
            raise InvalidSource(
                f"The {self.place} and this program disagree about a document: {self._reason(error)}.",
                advice="Correct the document.",
            ) from None

    def _reason(self, error: Exception) -> str:
        text = str(error).partition(", Timeout:")[0].partition(", full error:")[0]
        return without_secrets(text.rstrip(".")[:300], self.uri)


def connect(uri: str, database: str | None) -> Connection:
    """A checked address; nothing is contacted yet. InvalidSource says what is wrong, without the password.

    The database is `database`, else the one in the address's path, else `codesoft`. Time-outs in the address win.
    """
    if not uri.startswith(_SCHEMES):  # pymongo would take the rest of a mistyped address for the name of a host
        raise InvalidSource(f"MONGODB_URI is not an address of MongoDB: it must start with {_STARTS}.", advice=_ADVICE)
    given = {name.lower() for name, _ in parse_qsl(uri.partition("?")[2], keep_blank_values=True)}
    timeouts: dict[str, Any] = {name: value for name, value in _TIMEOUTS.items() if name.lower() not in given}
    try:
        with warnings.catch_warnings():
            # pymongo only warns of an option that it does not know: a mistyped `tls` would read in clear text.
            warnings.simplefilter("error", UserWarning)
            client: MongoClient[Document] = MongoClient(uri, connect=False, appname="codesoft", **timeouts)
        name = database or client.get_default_database(DEFAULT_DATABASE).name
        return Connection(uri=uri, client=client, database=name)
    except (ConfigurationError, InvalidName, UserWarning, ValueError, TypeError, OSError) as error:
        raise InvalidSource(
            f"MONGODB_URI is not an address of MongoDB: {without_secrets(str(error).rstrip('.'), uri)}.",
            advice=_ADVICE,
        ) from None


@dataclass(frozen=True)
class Collection:
    """The documents of one collection that the declaration selects, in `_id` order."""

    connection: Connection
    source: Source
    fields: Sequence[str]
    report: Report

    @property
    def place(self) -> str:
        return f"collection {self.source.collection} of {self.connection.place}"

    def documents(self) -> Iterator[Document]:
        yield from in_id_order(map(_plain, self._raw()), self.place)

    def count(self, *, behind: str) -> tuple[int, int]:
        """Counted by the server, by its own books where the declaration selects every document."""
        selection, later = _selection(self.source), {"$or": [{ID: {"$gt": one}} for one in _ids(behind)]}
        counted = self._collection.count_documents
        all_of_them = (lambda: counted({"$and": selection})) if selection else self._collection.estimated_document_count
        total: int = self.connection.try_often(all_of_them, self.report)
        return total, self.connection.try_often(lambda: int(counted({"$and": [*selection, later]})), self.report)

    def field_names(self) -> list[str]:
        sample = self.connection.try_often(lambda: list(self._collection.find().limit(_SAMPLED)), self.report)
        return sorted({name for document in sample for name in document} - {ID})

    @cached_property
    def _collection(self) -> Any:
        database = self.connection.client.get_database(self.connection.database, codec_options=_CODEC)
        return database.get_collection(self.source.collection)

    def _raw(self) -> Iterator[Document]:
        read = _Read(self._collection, _selection(self.source), [*self.fields], self.source.batch_size)
        documents = self.connection.try_often(read.next_batch, self.report)
        if not documents:
            raise self._nothing_found()
        while documents:
            yield from documents
            documents = self.connection.try_often(read.next_batch, self.report)

    def _nothing_found(self) -> InvalidSource:
        found = self.connection.try_often(lambda: self._collection.find_one({}, [ID]), self.report)
        if found is not None:
            return InvalidSource(
                f"No document of {self.place} matches `source.query` and `source.window`.",
                advice="Check both in params.yaml. A window compares BSON dates, not dates written as strings.",
            )
        return InvalidSource(
            f"There are no documents in {self.place}.",
            advice="Check MONGODB_URI, MONGODB_DATABASE and `source.collection`, "
            "or fill it from the bundled snapshot with `python manage.py load_snapshot`.",
        )


def replace_documents(
    *, connection: Connection, collection: str, documents: Sequence[Document], report: Report
) -> None:
    """Put documents into a collection by `_id`, in place of what stands there: doing it twice changes nothing."""
    database = connection.client.get_database(connection.database, codec_options=_CODEC)
    target = database.get_collection(collection)

    def write() -> None:
        ids = [document[ID] for document in documents]
        standing = {document[ID]: document for document in target.find({ID: {"$in": ids}})}
        changed = [document for document in documents if standing.get(document[ID], document) != document]
        if changed:
            target.bulk_write([ReplaceOne({ID: document[ID]}, document) for document in changed], ordered=False)
        if new := [document for document in documents if document[ID] not in standing]:
            target.insert_many(new, ordered=False)

    connection.try_often(write, report)


class _Read:
    """One cursor over a collection. After a lost connection the next call goes on behind the last document."""

    def __init__(self, collection: Any, selection: Sequence[Mapping[str, Any]], fields: list[str], size: int) -> None:
        self._collection, self._selection, self._fields, self._size = collection, selection, fields, size
        self._cursor: Cursor[Document] | None = None
        self._last: Any = None

    def next_batch(self) -> list[Document]:
        """The next documents, none at the end. A batch is handed out whole or not at all."""
        try:
            if self._cursor is None:
                self._cursor = self._opened()
            documents = _some(self._cursor, self._size)
        except _LOST:
            self._cursor = None
            raise
        if documents:
            self._last = documents[-1][ID]
        return documents

    def _opened(self) -> Cursor[Document]:
        behind = [] if self._last is None else [{ID: {"$gt": self._last}}]
        parts = [*self._selection, *behind]
        cursor: Cursor[Document] = self._collection.find(
            {"$and": parts} if parts else {}, self._fields, batch_size=self._size
        )
        return cursor.sort(ID, ASCENDING)


def _some(cursor: Iterator[Document], size: int) -> list[Document]:
    """Up to `size` documents, fewer where they are long: a thousand of a megabyte would not be bounded memory."""
    documents, characters = [], 0
    for document in islice(cursor, size):
        documents.append(document)
        characters += sum(len(value) for value in document.values() if isinstance(value, str))
        if characters >= _BATCH_CHARACTERS:
            break
    return documents


def _selection(source: Source) -> list[Mapping[str, Any]]:
    parts: list[Mapping[str, Any]] = [source.query] if source.query else []
    if window := source.window:
        bounds = {"$gte": window.start, "$lt": window.end}
        moments = {key: as_utc_milliseconds(moment) for key, moment in bounds.items() if moment is not None}
        parts.append({window.field: {"$type": "date", **moments}})
    return parts


def _ids(text: str) -> list[Any]:
    """What an id that was written as text may have been; MongoDB compares it with ids of its own type alone."""
    return [text, *([ObjectId(text)] if ObjectId.is_valid(text) else []), *([int(text)] if text.isdecimal() else [])]


def _plain(document: Document) -> Document:
    """BSON's own types as JSON would carry them; an aware datetime stays."""
    return {name: _plain_value(value) for name, value in document.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, Decimal128):
        return float(value.to_decimal())
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value
