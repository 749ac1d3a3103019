"""Strict JSON: what a reader could take in two ways, or that no reader should take, is refused with a reason."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any, NoReturn

import orjson
from django.conf import settings
from django.http import HttpRequest
from gunicorn.http.errors import ParseException
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.utils.mediatypes import media_type_matches

from predictions.errors import BodyTooLarge, MalformedBody

JSON = "application/json"

_BLOCK = 64 * 1024
_NESTED = (dict, list)
_KEY_END = re.compile(rb'"[ \t\n\r]*:')


class StrictJSONParser(BaseParser):
    """`application/json` in UTF-8, at most `PREDICTION_BODY_LIMIT` bytes."""

    media_type = JSON

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return _parse(stream, (parser_context or {})["request"].META.get("CONTENT_LENGTH"))


def read_json(request: HttpRequest) -> Any:
    """The value in a request's body, None without one; UnsupportedMediaType. DRF would look for a parser first."""
    if request.META.get("CONTENT_LENGTH", "0") in ("", "0"):
        return None
    if request.content_type != JSON and not media_type_matches(JSON, request.content_type or ""):
        raise UnsupportedMediaType(request.content_type or "")
    return _parse(request, request.META.get("CONTENT_LENGTH"))


def _parse(stream: Any, promised: str | None) -> Any:
    body = read_bounded(stream, settings.PREDICTION_BODY_LIMIT)
    if len(body) < int(promised or 0):
        raise _malformed(f"it ends after {len(body)} of {promised} bytes")
    return parse_strict_json(body)


def read_bounded(stream: IO[Any], limit: int) -> bytes:
    """The whole body; BodyTooLarge where it is longer than `limit` bytes, of which no more is kept."""
    body = bytearray()
    while block := read_block(stream):
        body += block
        if len(body) > limit:
            raise BodyTooLarge(
                f"The body is larger than {limit} bytes.",
                advice="Send fewer or shorter rows a request.",
                details={"limit_bytes": limit},
            )
    return bytes(body)


def read_block(stream: IO[Any]) -> bytes:
    """The next bytes, none at the end; MalformedBody where the connection broke off or chunks are not what they say."""
    try:
        block: bytes = stream.read(_BLOCK)
    except (OSError, ParseException) as error:
        raise _malformed("it broke off, or its chunks are not well-formed") from error
    return block


def accept_chunked(request: HttpRequest) -> None:
    """Give a body sent in chunks a length: Django reads as many bytes as `Content-Length` says, which is then none."""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower() and not request.META.get("CONTENT_LENGTH"):
        body = read_bounded(request.META["wsgi.input"], settings.PREDICTION_BODY_LIMIT)
        request.META["CONTENT_LENGTH"] = str(len(body))
        request._stream = BytesIO(body)


def parse_strict_json(body: bytes) -> Any:
    """The value; MalformedBody for bad UTF-8, bad syntax, repeated keys, NaN, Infinity and absurd depth or length.

    A fast reader takes what is beyond doubt. It keeps the last of repeated keys, so that what may have some goes to the
    strict one, as does what it refuses: the reason is worded in one place.
    """
    try:
        value = orjson.loads(body)
        if _has_each_key_once(body, value):
            return value
    except (orjson.JSONDecodeError, RecursionError):
        pass
    return _parse_strictly(body)


def _has_each_key_once(body: bytes, value: Any) -> bool:
    """Whether the body surely has no more keys than the value. Each key ends in a quote and a colon; text may, too."""
    keys = _count_keys(value)
    return body.count(b":") == keys or len(_KEY_END.findall(body)) == keys


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(_count_keys(item) for item in value.values() if type(item) in _NESTED)
    if type(value) is list:
        return sum(_count_keys(item) for item in value if type(item) in _NESTED)
    return 0


def _parse_strictly(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _malformed(f"it is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise _malformed("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:  # Python's own limit on the digits of an integer
        raise _malformed("a number has too many digits") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _malformed(f"the key {printable(repeated)!r} stands twice in one object")
    return content


def _no_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not JSON")


def printable(text: str, length: int = 60) -> str:
    """A caller's word fit for an answer: short, and encodable as UTF-8."""
    clean = text.encode("utf-8", "backslashreplace").decode()
    return clean if len(clean) <= length else clean[: length - 3] + "..."


def _malformed(reason: str) -> MalformedBody:
    return MalformedBody(f"The body cannot be read as JSON: {reason}.", advice="Nothing was predicted.")
