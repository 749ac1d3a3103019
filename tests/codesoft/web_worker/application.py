"""A small WSGI application, and workers that lose patience in a second, for tests of the web worker."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from codesoft.web_worker.worker import WebWorker

Start = Callable[..., Any]


class HastyWorker(WebWorker):
    request_seconds = 1
    linger_seconds = 0.5

    @staticmethod
    def only_computes(environ: dict[str, Any]) -> bool:
        """What the first one says is a lie."""
        return environ["PATH_INFO"] in ("/slow", "/digest")


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    return _ANSWERS[environ["PATH_INFO"]](environ, start)


def _digest(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Method, query and the digest of the body."""
    digest = hashlib.sha256(environ["wsgi.input"].read()).hexdigest()
    return _whole(start, f"{environ['REQUEST_METHOD']} {environ['QUERY_STRING']} {digest}".encode())


def _unread(_: dict[str, Any], start: Start) -> Iterable[bytes]:
    return _whole(start, b"the body was not looked at")


def _process(_: dict[str, Any], start: Start) -> Iterable[bytes]:
    return _whole(start, str(os.getpid()).encode())


def _slow(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    time.sleep(float(environ["QUERY_STRING"]))
    return _whole(start, b"at last")


def _parts(_: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Of a length that nobody told: chunked."""
    start("200 OK", [("Content-Type", "text/plain")])
    yield b"one, "
    yield b"two, "
    yield b"three"


def _file(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    content = b"x" * 300_000
    start("200 OK", [("Content-Length", str(len(content)))])
    return environ["wsgi.file_wrapper"](BytesIO(content))  # type: ignore[no-any-return]


def _large(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    return _whole(start, b"y" * int(environ["QUERY_STRING"]))


def _fault(_: dict[str, Any], __: Start) -> Iterable[bytes]:
    raise RuntimeError("on purpose")


def _breaks_off(_: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Length", "100")])
    yield b"only this"
    raise RuntimeError("on purpose")


def _environ(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    text = {name: value for name, value in environ.items() if isinstance(value, str)}
    return _whole(start, "\n".join(f"{name}={value}" for name, value in sorted(text.items())).encode())


def _whole(start: Start, content: bytes) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))])
    return [content]


_ANSWERS = {
    "/digest": _digest,
    "/unread": _unread,
    "/process": _process,
    "/slow": _slow,
    "/parts": _parts,
    "/file": _file,
    "/large": _large,
    "/fault": _fault,
    "/breaks-off": _breaks_off,
    "/environ": _environ,
    "/Ã¼mlaut": _environ,
}
