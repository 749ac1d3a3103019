"""One client's connection: what it has sent so far, until that is a whole request."""

import re
import socket
import struct
import time
from typing import Any

from gunicorn import http
from gunicorn.http.errors import ParseException

RECEIVE_BYTES = 65_536
KEPT_BYTES = 262_144  # a longer request is read by the thread that answers it
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_EXPECTATION = re.compile(rb"\r\nexpect:", re.IGNORECASE)


class Connection:
    """Belongs to one thread at a time: to whoever took it out of the waiting ones.

    The socket blocks, for at most `seconds` at each read or write: only a request that could not be kept, or an answer
    that the client does not take, makes a thread wait at all.
    """

    __slots__ = ("_received", "deadline", "ended", "environ", "fileno", "leaving", "parser", "peer", "socket")

    def __init__(self, sock: socket.socket, peer: Any, config: Any, *, environ: dict[str, Any], seconds: int) -> None:
        patience = struct.pack("ll", seconds, 0)
        sock.setblocking(True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        self.socket = sock
        self.fileno = sock.fileno()
        self.peer = peer
        self.parser = http.get_parser(config, sock, peer)
        self.environ = environ
        self.deadline = 0.0
        self.ended = False
        self.leaving = False
        self._received = b""

    def receive(self) -> None:
        """Take what has arrived, without waiting for more."""
        try:
            data = self.socket.recv(RECEIVE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:  # reset by the client
            data = b""
        self.ended = not data
        if not self.leaving:
            self._received += data

    @property
    def has_unread(self) -> bool:
        """Whether something has arrived that no thread has had time for."""
        try:
            return bool(self.socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK))
        except OSError:
            return False

    @property
    def has_request(self) -> bool:
        """Whether the next request is here, so that answering it waits for nobody.

        That is a guess from its head, for which the parser has the last word: what is ill-framed, chunked, too long to
        be kept or cut off goes to the parser too.
        """
        received = self._received
        if not received:
            return False
        head = received.find(_HEAD_END)
        if head < 0:
            return self.ended or len(received) > KEPT_BYTES
        length = _LENGTH.search(received, 0, head + 2)
        if length is None:
            return True
        missing = int(length[1]) + head + len(_HEAD_END) - len(received)
        if missing <= 0 or self.ended:
            return True
        return len(received) + missing > KEPT_BYTES or _EXPECTATION.search(received, 0, head + 2) is not None

    def next_request(self) -> Any:
        """gunicorn's request; its errors where it is none. Its body is read from what was kept, then the socket."""
        self.parser.unreader.unread(self._received)
        self._received = b""
        return next(self.parser)

    def finish_request(self) -> bool:
        """Discard what nobody read of the body, keep what came behind it; False when the body has no proper end."""
        try:
            if not self.parser.finish_body(max_bytes=KEPT_BYTES):
                return False
        except (OSError, ParseException):
            return False
        self._received = self.parser.unreader.take_buffered()
        return True

    def wait(self, *, idle_seconds: float, request_seconds: float) -> None:
        """Set until when it may wait: long between two requests, once from a request's first byte to its last."""
        if not self._received:
            self.deadline = time.monotonic() + idle_seconds
        elif self.deadline > (soon := time.monotonic() + request_seconds):
            self.deadline = soon

    def hang_up(self, linger_seconds: float) -> None:
        """Say that nothing more will come, and let the client read the answer first.

        A socket that is closed with unread bytes in it resets the connection, answer and all (RFC 9112, 9.6).
        """
        self.leaving = True
        self._received = b""
        self.deadline = time.monotonic() + linger_seconds
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client was faster
            self.ended = True

    def close(self) -> None:
        self.socket.close()
