"""From a parsed body to rows and entity ids: the shape of a prediction request, apart from any model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import QueryDict

from predictions.api.parsing import printable
from predictions.errors import InvalidRequest, TooManyRows

ENTITY_ID_LENGTH = 200
FLAGS = {"true": True, "1": True, "false": False, "0": False}
KEYS = ("inputs", "entity_id")


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """Rows as sent, and for each the entity that it is about, or None."""

    rows: Sequence[Any]
    entity_ids: Sequence[str | None]


def parse_request(body: Any) -> PredictionRequest:
    """The request; InvalidRequest names each wrong key, TooManyRows the limit."""
    if not isinstance(body, Mapping):
        raise InvalidRequest("The body is not a JSON object.", advice='Send {"inputs": {…}} or {"inputs": [{…}, …]}.')
    faults = {printable(key): f"There is no such key; known are: {', '.join(KEYS)}." for key in body if key not in KEYS}
    rows: list[Any] = []
    if isinstance(inputs := body.get("inputs"), Mapping):
        rows = [inputs]
    elif isinstance(inputs, list):
        rows = inputs
    if not rows:
        faults["inputs"] = "An object, or a list with at least one object, is needed."
    if len(rows) > settings.PREDICTION_ROW_LIMIT:
        raise TooManyRows(
            f"{len(rows)} rows; at most {settings.PREDICTION_ROW_LIMIT} are allowed a request.",
            advice="Send them in several requests.",
            details={"limit_rows": settings.PREDICTION_ROW_LIMIT},
        )
    entity_ids, fault = _entity_ids(body.get("entity_id"), len(rows), as_list=isinstance(inputs, list))
    if fault:
        faults["entity_id"] = fault
    if faults:
        raise InvalidRequest("This is not a prediction request.", details={"fields": faults})
    return PredictionRequest(rows, entity_ids)


def parse_flag(query: QueryDict, name: str) -> bool:
    """A parameter of the address that is on or off, off where it is absent; InvalidRequest names it."""
    values = query.getlist(name)
    if not values:
        return False
    if len(values) > 1 or values[0] not in FLAGS:
        fault = f"One of {', '.join(FLAGS)} is needed, once."
        raise InvalidRequest(f"The parameter {name} is not on or off.", advice=fault, details={"fields": {name: fault}})
    return FLAGS[values[0]]


def _entity_ids(value: Any, count: int, *, as_list: bool) -> tuple[Sequence[str | None], str | None]:
    """One id a row, and what is wrong with them. A single string stands for every row."""
    if value is None or isinstance(value, str):
        ids: list[Any] = [value] * count
    elif isinstance(value, list) and as_list:
        ids = value
        if len(ids) != count:
            return [], f"{len(ids)} ids for {count} rows; one is needed for each."
    else:
        return [], "A string is needed, or with a list of rows a list of the same length."
    if not all(entity is None or _is_id(entity) for entity in ids):
        return [], f"Each id is a string of 1 to {ENTITY_ID_LENGTH} characters without NUL or lone surrogates."
    return ids, None


def _is_id(value: Any) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= ENTITY_ID_LENGTH
        and "\x00" not in value
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )
