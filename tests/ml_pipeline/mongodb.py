"""A clean database on the MongoDB wire server, and a TCP proxy before it that can break a connection or speak TLS."""

import contextlib
import os
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient


class Database:
    """A database of its own: its address, as MONGODB_URI would hold it, and pymongo's view of it."""

    def __init__(self, server: str) -> None:
        self.host, self.port = str(urlsplit(server).hostname), int(urlsplit(server).port or 27017)
        self.name = f"test_{uuid.uuid4().hex[:12]}"
        self.client: MongoClient[dict[str, Any]] = MongoClient(server)
        self.database = self.client[self.name]

    def uri(self, *, host: str = "", port: int = 0, options: str = "") -> str:
        return f"mongodb://{host or self.host}:{port or self.port}/{self.name}{options}"


@pytest.fixture
def mongodb() -> Iterator[Database]:
    server = os.environ.get("TEST_MONGODB_URI")
    if not server:
        pytest.skip("TEST_MONGODB_URI is not set: no MongoDB wire server")
    database = Database(server)
    yield database
    database.client.drop_database(database.name)
    database.client.close()


class Proxy:
    """Forwards TCP to a server. Breaks every open connection once, after `cut_after` bytes from the server."""

    def __init__(
        self, host: str, port: int, *, cut_after: int | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._target, self._cut_after, self._context = (host, port), cut_after, context
        self._open: list[socket.socket] = []
        self._sent = 0
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.close()
        self._break()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                if self._context:
                    client = self._context.wrap_socket(client, server_side=True)
                server = socket.create_connection(self._target)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self._open += [client, server]
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(4096):
                self._sent += len(data) if counted else 0
                if self._cut_after is not None and self._sent > self._cut_after and not self.cuts:
                    self.cuts += 1
                    self._break()
                    return
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def _break(self) -> None:
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()
