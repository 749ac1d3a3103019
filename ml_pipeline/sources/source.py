"""What a document source is, whichever kind it is, and the order that both kinds promise."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from ml_pipeline.errors import InvalidSource

Document = dict[str, Any]
ID = "_id"


class DocumentSource(Protocol):
    """Documents in `_id` order, each with a text or integer `_id`; the other values are as JSON or BSON carry them."""

    @property
    def place(self) -> str:
        """Where the documents are, for messages: never with a password."""

    def documents(self) -> Iterator[Document]:
        """Every selected document once. InvalidSource and SourceUnavailable say what stopped the reading."""

    def count(self, *, behind: str) -> tuple[int, int]:
        """How many documents are selected, and how many of them come after the one with the id `behind`."""

    def field_names(self) -> list[str]:
        """The fields that the first documents have, sorted: to name them where an expected one is absent."""


def in_id_order(documents: Iterable[Document], place: str) -> Iterator[Document]:
    """Pass documents on while their ids rise; InvalidSource names the first id that does not.

    MongoDB compares only ids of one type, so mixed types could lose documents when a broken read goes on behind the
    last id. They are refused, as are ids that cannot be written as text.
    """
    previous: Any = None
    for document in documents:
        key = _checked_id(document.get(ID), place)
        if previous is not None:
            if isinstance(key, str) != isinstance(previous, str):
                raise _refused(place, f"mixes text and number ids ({previous!r}, {key!r})", "Use one type of _id.")
            if key == previous:
                raise _refused(place, f"holds the _id {key!r} twice", "Remove the duplicate.")
            if key < previous:
                raise _refused(place, f"is not sorted: _id {key!r} follows {previous!r}", "Sort it by _id, bytewise.")
        previous = key
        yield document


def _checked_id(key: object, place: str) -> str | int:
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise _refused(
            place, f"holds an _id of type {type(key).__name__}", "An _id is a string, an ObjectId or a whole number."
        )
    if isinstance(key, str):
        try:
            key.encode()
        except UnicodeEncodeError:
            raise _refused(place, f"holds the _id {key!r}, which is not text", "Correct this _id.") from None
    return key


def _refused(place: str, fault: str, advice: str) -> InvalidSource:
    return InvalidSource(f"{place[:1].upper()}{place[1:]} {fault}.", advice=advice)
