"""Places inside the database for the request threads of a web process: one fewer than there are threads.

A database that hangs keeps whoever asks it. Pages, receipts and the registry's API ask it and predictions do not, so
the thread that never gets a place is the one that goes on predicting. A thread is inside while it connects, waits for
an answer, or has a transaction open: what holds a lock must not be kept from its commit by those who wait for the lock.

Only threads that were told to count are counted: those with which the web worker answers, and no other. The
serving's own threads neither take a place nor are refused one.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from predictions import metrics
from predictions.errors import DatabaseUnavailable

PLACE_SECONDS = 0.1  # that a thread waits for a place: as long a prediction may have to wait for that thread


class Bulkhead:
    """`places` for threads. With a single thread there is none to spare, and its patience alone bounds a wait."""

    def __init__(self, places: int) -> None:
        self._places = max(1, places)
        self._inside = 0
        self._moved = threading.Condition(threading.Lock())
        self._moved_at = float("-inf")

    def enter(self) -> None:
        """Take a place; DatabaseUnavailable where none becomes free.

        The wait is counted from the last time that anybody came or went. Where nobody has for so long the database
        hangs, and who asks then is refused at once: a queue of them would hold the last thread for as many waits.
        """
        with self._moved:
            if not (self._has_room() or self._wait_for_room()):
                metrics.DATABASE_REFUSALS.inc()
                raise DatabaseUnavailable(
                    "The database does not answer, and as many requests as may wait for it already do.",
                    advice="Try again in a few seconds. Predictions go on meanwhile.",
                )
            self._move(1)

    def leave(self) -> None:
        with self._moved:
            self._move(-1)
            self._moved.notify()

    def _wait_for_room(self) -> bool:
        patience = self._moved_at + PLACE_SECONDS - time.monotonic()
        return self._moved.wait_for(self._has_room, max(0.0, patience))

    def _has_room(self) -> bool:
        return self._inside < self._places

    def _move(self, by: int) -> None:
        self._inside += by
        self._moved_at = time.monotonic()
        metrics.DATABASE_THREADS.inc(by)


class _Thread(threading.local):
    bulkhead: Bulkhead | None = None
    inside = False


_thread = _Thread()


def count_this_thread(bulkhead: Bulkhead) -> None:
    """From now on this thread needs a place of `bulkhead` for whatever it asks of the database."""
    _thread.bulkhead = bulkhead


def enter() -> bool:
    """Whether this call took a place, which `leave` then gives back: a thread is inside once, or is not counted."""
    if _thread.bulkhead is None or _thread.inside:
        return False
    _thread.bulkhead.enter()
    _thread.inside = True
    return True


def leave() -> None:
    """Give back the place that `enter` took."""
    if _thread.bulkhead is not None and _thread.inside:
        _thread.inside = False
        _thread.bulkhead.leave()


@contextmanager
def inside() -> Iterator[None]:
    """A place for as long as the block takes; DatabaseUnavailable where there is none."""
    entered = enter()
    try:
        yield
    finally:
        if entered:
            leave()
