"""One thread works and the others sleep, until it says that it will wait, or waits without having said so."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from codesoft.web_worker.turns import Turns
from tests.processes import wait_until


@contextmanager
def threads(turns: Turns, work: Callable[[], None], count: int = 4) -> Iterator[None]:
    """So many that answer requests in turns; `work` is a request."""
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            turns.take()
            while turns.is_mine and not over.is_set():
                turns.begin()
                work()
                turns.end()
            turns.pass_on()

    started = [threading.Thread(target=serve) for _ in range(count)]
    for thread in started:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in started:
            thread.join(10)
            assert not thread.is_alive(), "nobody waits for ever"


def test_what_only_computes_is_done_by_one_thread_alone() -> None:
    turns, who, together = Turns(patience=5.0), set[int](), list[int]()
    inside = threading.Semaphore(1)

    def compute() -> None:
        if not inside.acquire(blocking=False):
            together.append(threading.get_ident())
            return
        who.add(threading.get_ident())
        sum(range(2_000))
        inside.release()

    with threads(turns, compute):
        time.sleep(0.3)
    assert (len(who), together) == (1, [])


def test_who_passes_the_turn_on_waits_beside_the_others() -> None:
    turns, inside, most = Turns(patience=5.0), list[int](), list[int]()

    def ask_a_server() -> None:
        turns.pass_on()
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()

    with threads(turns, ask_a_server):
        assert wait_until(lambda: max(most, default=0) == 4, 5)


def test_who_waits_without_a_word_is_overtaken_and_comes_back() -> None:
    turns, hangs, answered = Turns(patience=0.02), threading.Event(), list[int]()
    first = threading.Semaphore(1)

    def answer() -> None:
        if first.acquire(blocking=False):
            hangs.wait(10)
        answered.append(threading.get_ident())
        time.sleep(0.001)

    with threads(turns, answer, count=2):
        assert wait_until(lambda: len(answered) > 20, 5), "the other one goes on"
        alone = set(answered)
        hangs.set()
        assert wait_until(lambda: len(set(answered)) == 2, 5)
    assert len(alone) == 1


def test_an_idle_holder_is_never_overtaken() -> None:
    turns, passed = Turns(patience=0.005), threading.Event()
    turns.take()
    other = threading.Thread(target=lambda: (turns.take(), passed.set(), turns.pass_on()))
    other.start()
    time.sleep(0.1)
    assert turns.is_mine
    assert not passed.is_set()
    turns.pass_on()
    turns.pass_on()  # without effect: it has no turn any more
    assert passed.wait(5)
    other.join(5)
