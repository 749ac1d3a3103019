"""What the limits promise, with a clock and a board that the test holds in its hand."""

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.errors import RateLimited
from predictions.throttling.boards import BoardUnavailable, Told
from predictions.throttling.meter import Note
from predictions.throttling.throttle import Throttle

MOMENTS = st.lists(st.floats(0.0, 20.0), min_size=1, max_size=300)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Board:
    """Processes that hear each other at once; `away` as when a server does not answer."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.away = False

    def read(self, me: str) -> list[Told]:
        self._reach()
        return [told for name, told in self.told.items() if name != me]

    def post(self, me: str, at: float, notes: Mapping[str, Note]) -> None:
        self._reach()
        self.told[me] = Told(at, dict(notes))

    def close(self) -> None: ...

    def _reach(self) -> None:
        if self.away:
            raise BoardUnavailable("it is away")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board() -> Board:
    return Board()


def alone(limit_clock: Clock) -> Throttle:
    throttle = Throttle(Board(), processes=1, clock=limit_clock)
    throttle.exchange()
    return throttle


def passes(throttle: Throttle, *, caller: str = "one", limit: int = 10, model: str = "spam", of_model: int = 0) -> bool:
    try:
        throttle.spend(caller, limit, model, of_model)
    except RateLimited:
        return False
    return True


@given(MOMENTS, st.integers(1, 40))
def test_no_sixty_seconds_hold_more_than_the_limit(pauses: list[float], limit: int) -> None:
    clock = Clock()
    throttle, passed = alone(clock), []
    for pause in pauses:
        clock.now += pause if pause > 10 else pause / 100  # floods, and silences between them
        passed += [clock.now for _ in range(3) if passes(throttle, limit=limit)]

    assert max(sum(start <= at < start + 60 for at in passed) for start in passed) <= limit


def test_after_a_silence_the_whole_limit_is_there_again(clock: Clock) -> None:
    throttle = alone(clock)
    for _ in range(3):
        assert sum(passes(throttle) for _ in range(30)) == 10
        clock.now += 65


def test_tokens_and_models_are_counted_apart_and_a_refusal_counts_for_nothing(clock: Clock) -> None:
    throttle = alone(clock)
    assert sum(passes(throttle, caller="one", of_model=6) for _ in range(9)) == 6
    assert sum(passes(throttle, caller="two", model="ham", of_model=6) for _ in range(9)) == 6
    assert sum(passes(throttle, caller="one", model="ham", of_model=0) for _ in range(9)) == 4


def test_the_headers_are_the_standards_and_say_what_is_left(clock: Clock) -> None:
    throttle = alone(clock)
    clock.now = 1_000_002.5
    assert throttle.spend("one", 10, "spam", 100) == {
        "RateLimit-Policy": '"token";q=10;w=60, "model";q=100;w=60',
        "RateLimit": '"token";r=9;t=63, "model";r=99;t=63',
    }
    assert throttle.spend("one", 0, "spam", 100)["RateLimit"] == '"model";r=98;t=63'
    assert throttle.spend("one", 0, "spam", 0) == {}


def test_a_refusal_says_when_to_come_back_and_then_it_passes(clock: Clock) -> None:
    throttle = alone(clock)
    while passes(throttle):
        clock.now += 0.5
    with pytest.raises(RateLimited) as refused:
        throttle.spend("one", 10, "spam", 0)

    assert refused.value.headers["RateLimit"].startswith('"token";r=0;')
    wait = int(refused.value.headers["Retry-After"])
    assert 0 < wait <= 65
    assert refused.value.details == {"retry_after_seconds": wait, "limit_per_minute": 10}
    clock.now += wait
    assert passes(throttle)


def test_a_new_limit_holds_at_once(clock: Clock) -> None:
    throttle = alone(clock)
    assert sum(passes(throttle, limit=10) for _ in range(20)) == 10
    assert sum(passes(throttle, limit=15) for _ in range(20)) == 5
    assert not passes(throttle, limit=5)


@given(st.randoms(use_true_random=False), st.integers(2, 5), st.integers(1, 200))
@settings(deadline=None, max_examples=60)
def test_processes_that_exchange_overshoot_by_half_a_limit_at_most(chance: Random, processes: int, limit: int) -> None:
    """Each exchanges twice a second, in any order; how many requests meet which one is for chance to say."""
    clock, board = Clock(), Board()
    throttles = [Throttle(board, processes=processes, clock=clock) for _ in range(processes)]
    for throttle in throttles:
        throttle.exchange()
    for throttle in throttles:
        throttle.exchange()
    passed = 0
    for _ in range(20):
        for throttle in chance.sample(throttles, processes):
            passed += sum(passes(throttle, limit=limit) for _ in range(chance.choice([0, 1, 5, 300])))
            clock.now += 0.5 / processes
            throttle.exchange()

    assert passed <= 1.5 * limit + processes


def test_one_busy_process_gets_nearly_all_when_the_others_are_idle(clock: Clock, board: Board) -> None:
    busy, *idle = (Throttle(board, processes=4, clock=clock) for _ in range(4))
    passed = 0
    for _ in range(30):
        for throttle in (busy, *idle):
            throttle.exchange()
        passed += sum(passes(busy, limit=400) for _ in range(50))
        clock.now += 1

    assert passed == 400


def test_while_the_board_is_away_each_keeps_to_its_part(clock: Clock, board: Board) -> None:
    throttles = [Throttle(board, processes=4, clock=clock) for _ in range(4)]
    board.away = True
    passed = 0
    for _ in range(50):
        for throttle in throttles:
            throttle.exchange()
            passed += sum(passes(throttle, limit=400) for _ in range(50))
        clock.now += 1

    assert passed == 400


def test_what_nobody_uses_is_forgotten(clock: Clock) -> None:
    throttle = alone(clock)
    for number in range(100):
        passes(throttle, caller=str(number))
    clock.now += 70
    throttle.exchange()
    assert throttle._meters == {}
