"""The worker: one thread accepts, the others wait for requests at one epoll, in turns, and answer them.

gunicorn's own threaded worker waits for sockets in one thread, hands each request to another and gets the connection
back through a pipe: four changes of thread a request, under one lock that all of them need. Here the kernel wakes the
thread that will answer. A connection is armed for one event at a time, so that one thread has it, and a thread takes it
when its request is here as a whole: a client that is slow, or silent, holds no thread. Requests that only compute are
answered one after the other by the thread that waits for them; for any other it passes its turn on first (`turns`).
"""

import errno
import os
import select
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from gunicorn.http.errors import NoMoreData
from gunicorn.http.wsgi import FileWrapper
from gunicorn.workers.base import Worker

from codesoft.web_worker.connection import Connection
from codesoft.web_worker.environ import environ_of_connection, environ_of_request, environ_of_worker
from codesoft.web_worker.response import Response
from codesoft.web_worker.seats import Seats
from codesoft.web_worker.turns import Turns

TICK_SECONDS = 1.0
GIVE_WAY_SECONDS = 0.002
_ONCE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


class WebWorker(Worker):  # type: ignore[misc]
    """HTTP/1.1 without TLS, for a place behind a load balancer. Seats are given before the fork, or not at all."""

    request_seconds = 10  # from a request's first byte to its last
    linger_seconds = 5.0  # what is left to a client to read its last answer
    parting_seconds = 1.0  # how long a worker that ends still answers on open connections, and says that it closes them
    seats: Seats | None = None
    seat: int | None = None

    @staticmethod
    def begin_thread() -> None:
        """What each answering thread does first; the configuration may put something else here."""

    @staticmethod
    def only_computes(_: dict[str, Any]) -> bool:
        """Whether answering waits for nothing, neither a database nor a disk; the configuration knows which do."""
        return False

    @classmethod
    def check_config(cls, config: Any, _: Any) -> None:
        plain = config.protocol == "http" and config.http_protocols == ["h1"] and config.http2_cleartext == "off"
        if config.is_ssl or config.proxy_protocol != "off" or not plain:
            sys.exit("[error] The web worker speaks HTTP/1.1 alone: leave the rest to the proxy before it.")

    def init_process(self) -> None:
        self._epoll = select.epoll()
        self._wake_reader, self._wake_writer = os.pipe()
        self._ended = False
        self._open: set[Connection] = set()
        self._waiting: dict[int, Connection] = {}
        self._turns = Turns()
        self._environ = environ_of_worker(self.cfg)
        super().init_process()

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.alive = False  # the signal itself wakes the accepting thread, through gunicorn's wake-up pipe

    def run(self) -> None:
        self._epoll.register(self._wake_reader, select.EPOLLIN)
        threads = [
            threading.Thread(target=self._serve, name=f"request-{number}", daemon=True)
            for number in range(self.cfg.threads)
        ]
        for thread in threads:
            thread.start()
        self._accept_while_alive()
        self._part()
        os.write(self._wake_writer, b"!")
        deadline = time.monotonic() + 1.0
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept_while_alive(self) -> None:
        poller = select.poll()
        listeners = {listener.fileno(): listener for listener in self.sockets}
        for fileno, listener in listeners.items():
            listener.setblocking(False)
            poller.register(fileno, select.POLLIN)
        poller.register(self.PIPE[0], select.POLLIN)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            for fileno, _ in poller.poll(TICK_SECONDS * 1000):
                if fileno in listeners:
                    self._accept(listeners[fileno])
                else:
                    with suppress(BlockingIOError):
                        os.read(self.PIPE[0], 4096)
            self._close_overdue()

    def _accept(self, listener: Any) -> None:
        if self.seats is not None and self.seats.others_have_fewer(self.seat):
            time.sleep(GIVE_WAY_SECONDS)  # whoever has fewer takes it meanwhile; if none does, it is ours
        try:
            sock, peer = listener.accept()
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR and not self._close_longest_idle():
                time.sleep(GIVE_WAY_SECONDS)
            return
        if len(self._open) >= self.cfg.worker_connections:
            self._close_longest_idle()
        environ = environ_of_connection(self._environ, peer, sock.getsockname())
        connection = Connection(sock, peer, self.cfg, environ=environ, seconds=self.request_seconds)
        self._open.add(connection)
        self._tell_seats()
        self._epoll.register(connection.fileno, 0)
        self._wait_for_more(connection)

    def _serve(self) -> None:
        """What each of the other threads does: take one connection that has something, until the worker ends."""
        self.begin_thread()
        while not self._ended:
            self._turns.take()
            while self._turns.is_mine and not self._ended:
                self._take_one()
            self._turns.pass_on()

    def _take_one(self) -> None:
        for fileno, _ in self._epoll.poll(maxevents=1):
            if fileno == self._wake_reader:
                self._ended = True
                return
            connection = self._waiting.pop(fileno, None)
            if connection is not None:  # else the accepting thread has just given it up
                self._turns.begin()
                self._go_on_safely(connection)
                self._turns.end()

    def _go_on_safely(self, connection: Connection) -> None:
        try:
            self._go_on(connection)
        except Exception:  # a thread that ends would be missing until the worker does
            self.log.exception("A connection was given up.")
            self._close(connection)

    def _go_on(self, connection: Connection) -> None:
        connection.receive()
        stays = True
        while stays and connection.has_request:
            stays = self._answer_next(connection)
        if connection.ended:
            self._close(connection)
        else:
            if not stays:
                connection.hang_up(self.linger_seconds)
            self._wait_for_more(connection)

    def _wait_for_more(self, connection: Connection) -> None:
        if not connection.leaving:
            connection.wait(idle_seconds=self.cfg.keepalive, request_seconds=self.request_seconds)
        self._arm(connection)

    def _arm(self, connection: Connection) -> None:
        """From the first line on it belongs to whoever takes it, who may have closed it before the second one."""
        self._waiting[connection.fileno] = connection
        with suppress(OSError):
            self._epoll.modify(connection.fileno, _ONCE)

    def _answer_next(self, connection: Connection) -> bool:
        """Answer one request; whether the connection can take another."""
        request = None
        try:
            request = connection.next_request()
            return self._answer(request, connection) and connection.finish_request()
        except (NoMoreData, StopIteration):
            return False
        except BlockingIOError:  # neither a body that goes on nor a client that reads
            self.log.info("Gave up a client that was silent for %d seconds.", self.request_seconds)
        except ConnectionError:
            self.log.debug("The client hung up.")
        except Exception as error:  # what is no HTTP, and what the application did not catch
            self.handle_error(request, connection.socket, connection.peer, error)
        return False

    def _answer(self, request: Any, connection: Connection) -> bool:
        started = time.monotonic()
        response = Response(request, connection.socket, self.cfg)
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Ending after %d requests.", self.nr)
            self.alive = False
        if not self.alive or not self.cfg.keepalive:
            response.force_close()
        if request._expected_100_continue:
            connection.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = environ_of_request(connection.environ, request)
        if not self.only_computes(environ):
            self._turns.pass_on()
        try:
            self._send(self.wsgi(environ, response.start_response), response)
        except (BlockingIOError, ConnectionError):
            raise
        except Exception:
            if not response.headers_sent:
                raise
            self.log.exception("An answer broke off.")
            return False
        self.log.access(response, request, environ, timedelta(seconds=time.monotonic() - started))
        return not response.should_close()

    @staticmethod
    def _send(parts: Any, response: Response) -> None:
        try:
            if isinstance(parts, FileWrapper):
                response.write_file(parts)
            else:
                for part in parts:
                    response.write(part)
            response.close()
        finally:
            if hasattr(parts, "close"):
                parts.close()

    def _close(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._tell_seats()
        connection.close()  # which takes it out of the epoll too

    def _close_overdue(self) -> None:
        """Give up whoever was silent for too long. Where all threads are busy, clients have spoken and wait for us."""
        now = time.monotonic()
        for fileno, connection in self._waiting.copy().items():
            if connection.deadline < now and self._waiting.pop(fileno, None) is not None:
                if connection.has_unread and not connection.leaving:
                    self._arm(connection)
                else:
                    self._close(connection)

    def _close_longest_idle(self) -> bool:
        """Make room: the first of the waiting ones has waited longest."""
        for fileno in self._waiting.copy():
            connection = self._waiting.pop(fileno, None)
            if connection is not None:
                self._close(connection)
                return True
        return False

    def _part(self) -> None:
        """Answer what is under way and what still comes on open connections for a moment; then close them."""
        quiet = time.monotonic() + self.parting_seconds
        last = quiet + self.cfg.graceful_timeout
        while self._open and (now := time.monotonic()) < last:
            self.notify()
            if now > quiet:
                while self._close_longest_idle():
                    pass
            time.sleep(0.02)

    def _tell_seats(self) -> None:
        if self.seats is not None:
            self.seats.tell(self.seat, len(self._open))
