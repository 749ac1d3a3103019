"""Calls to the database that give up waiting in time, also when the server hangs and answers nothing at all."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

from django.db import close_old_connections

from predictions import bulkhead

THREADS = 4  # as many calls may hang before the others wait

T = TypeVar("T")


def call_bounded(function: Callable[[], T], seconds: float) -> T:
    """The function's result; TimeoutError when it has not come after `seconds`. It goes on behind our back then.

    Who waits here is inside the database like who waits for it himself, though the threads that ask it are not:
    DatabaseUnavailable where there is no place.
    """
    with bulkhead.inside():
        future: Future[T] = Future()
        _queue().put((function, future))
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()  # one that has not begun does not begin
            raise


@cache
def _queue() -> "SimpleQueue[tuple[Callable[[], Any], Future[Any]]]":
    """The queue, its threads started with the first call. They are daemons: one that hangs holds up no shutdown."""
    queue: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
    for number in range(THREADS):
        threading.Thread(target=_work, args=(queue,), name=f"bounded-database-{number}", daemon=True).start()
    return queue


def _work(queue: "SimpleQueue[tuple[Callable[[], Any], Future[Any]]]") -> None:
    while True:
        function, future = queue.get()
        if not future.set_running_or_notify_cancel():
            continue
        close_old_connections()
        try:
            future.set_result(function())
        except BaseException as error:  # whoever waits for the result gets it
            future.set_exception(error)
        finally:
            close_old_connections()
