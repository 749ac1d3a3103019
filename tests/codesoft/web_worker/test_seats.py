"""How workers know who has fewer connections."""

import os

from codesoft.web_worker.seats import Seats


def test_whoever_has_more_lets_the_other_go_first() -> None:
    seats = Seats(4)
    first, second = seats.take(), seats.take()
    seats.tell(first, 2)
    seats.tell(second, 1)

    assert seats.others_have_fewer(first)
    assert not seats.others_have_fewer(second)
    seats.tell(second, 2)
    assert not seats.others_have_fewer(first)


def test_a_worker_that_is_gone_is_not_waited_for_and_its_seat_is_given_away() -> None:
    seats = Seats(2)
    first, second = seats.take(), seats.take()
    seats.tell(first, 5)
    assert seats.take() is None
    seats.leave(second)

    assert not seats.others_have_fewer(first)
    assert seats.take() == second
    assert seats.others_have_fewer(first), "who takes it begins without a connection"


def test_a_worker_without_a_seat_never_waits() -> None:
    seats = Seats(1)
    seats.take()
    seats.tell(None, 7)
    seats.leave(None)
    assert not seats.others_have_fewer(None)


def test_a_count_is_seen_by_other_processes() -> None:
    seats = Seats(2)
    mine, child = seats.take(), seats.take()
    seats.tell(mine, 1)
    seats.tell(child, 1)
    pid = os.fork()
    if pid == 0:
        seats.tell(child, 0)
        os._exit(0)
    os.waitpid(pid, 0)
    assert seats.others_have_fewer(mine)
