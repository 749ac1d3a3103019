"""gunicorn's response, which leaves as one packet where it can."""

from typing import Any

from gunicorn.http import wsgi


class Response(wsgi.Response):  # type: ignore[misc]
    """Keeps the head until the first part of the body is there: one write, and one wake-up of the client."""

    def __init__(self, request: Any, sock: Any, config: Any) -> None:
        super().__init__(request, sock, config)
        self._head = b""

    def send_headers(self) -> None:
        if not self._head and not self.headers_sent:
            lines = self.default_headers()
            lines += [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = "".join([*lines, "\r\n"]).encode("latin-1")

    def sendfile(self, chunks: Any) -> bool:
        self.send_headers()
        self._send(b"")
        return bool(super().sendfile(chunks))

    def close(self) -> None:
        self.send_headers()
        self._send(b"0\r\n\r\n" if self.chunked else b"")

    def _emit_body(self, data: bytes) -> None:
        self._send(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def _send(self, data: bytes) -> None:
        if self._head or data:
            self.sock.sendall(self._head + data)
            self._head = b""
            self.headers_sent = True
