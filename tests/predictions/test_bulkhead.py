"""Places inside the database: one thread is always left for whoever needs none."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from predictions import bulkhead
from predictions.bulkhead import PLACE_SECONDS, Bulkhead, count_this_thread
from predictions.errors import DatabaseUnavailable
from predictions.idempotency.bounded import call_bounded

BUSY_MACHINE = 1.0  # seconds that a thread may have to wait for a processor


def seconds_until_refused(bulk: Bulkhead) -> float:
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        bulk.enter()
    return time.monotonic() - started


def in_a_thread(bulk: Bulkhead, work: Callable[[], object]) -> object:
    """What `work` returns or raises, in a new thread that counts."""
    results: list[object] = []

    def run() -> None:
        count_this_thread(bulk)
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return results[0]


@contextmanager
def held(bulk: Bulkhead, count: int) -> Iterator[threading.Event]:
    """So many threads inside, until the block ends or the event is set."""
    out = threading.Event()
    with ExitStack() as ends:
        for _ in range(count):
            entered = threading.Event()

            def stay(entered: threading.Event = entered) -> None:
                count_this_thread(bulk)
                with bulkhead.inside():
                    entered.set()
                    out.wait(30)

            thread = threading.Thread(target=stay)
            thread.start()
            ends.callback(thread.join)
            entered.wait(30)
        ends.callback(out.set)
        yield out


def test_who_finds_every_place_taken_is_refused_after_a_moment_and_then_at_once() -> None:
    bulk = Bulkhead(2)
    with held(bulk, 2):
        first, second = seconds_until_refused(bulk), seconds_until_refused(bulk)

    assert PLACE_SECONDS / 2 < first < PLACE_SECONDS + BUSY_MACHINE
    assert second < PLACE_SECONDS / 2, "nobody came or went meanwhile: the database hangs"
    bulk.enter()


def test_who_waits_gets_the_place_that_becomes_free() -> None:
    bulk = Bulkhead(1)
    with held(bulk, 1) as out:
        threading.Timer(PLACE_SECONDS / 4, out.set).start()
        bulk.enter()


def test_one_thread_alone_may_ask_the_database() -> None:
    bulk = Bulkhead(0)
    bulk.enter()
    seconds_until_refused(bulk)


def test_a_thread_takes_one_place_however_often_it_enters() -> None:
    def nested() -> tuple[bool, bool]:
        with bulkhead.inside():
            return bulkhead.enter(), bulkhead.enter()

    bulk = Bulkhead(1)
    assert in_a_thread(bulk, nested) == (False, False)
    assert in_a_thread(bulk, nested) == (False, False), "the place was given back"


def test_a_thread_that_answers_no_requests_is_neither_counted_nor_refused() -> None:
    bulk = Bulkhead(1)
    with held(bulk, 1), bulkhead.inside():
        seconds_until_refused(bulk)


def test_who_waits_for_a_bounded_call_is_inside_and_the_thread_that_makes_it_is_not() -> None:
    bulk = Bulkhead(1)
    hung = threading.Event()

    def wait() -> object:
        with pytest.raises(TimeoutError):
            call_bounded(lambda: hung.wait(10), 0.2)
        return call_bounded(lambda: "from a thread that needs no place", 10)

    assert in_a_thread(bulk, wait) == "from a thread that needs no place"
    with held(bulk, 1):
        assert isinstance(in_a_thread(bulk, lambda: call_bounded(lambda: "answered", 10)), DatabaseUnavailable)
    hung.set()
