"""Real processes take turns; one that hangs holds the others up for no longer than they are patient."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from predictions.serving.turns import taking_turns

_FORK = get_context("fork")


def _hold(folder: Path, seconds: float, told: Any) -> None:
    with taking_turns(folder):
        entered = time.monotonic()
        told.put((entered, None))
        time.sleep(seconds)
        told.put((entered, time.monotonic()))


@contextmanager
def holding(folder: Path, seconds: float, *, processes: int = 1) -> Iterator[tuple[list[BaseProcess], Any]]:
    told = _FORK.Queue()
    started: list[BaseProcess] = [_FORK.Process(target=_hold, args=(folder, seconds, told)) for _ in range(processes)]
    for process in started:
        process.start()
    yield started, told
    for process in started:
        process.kill()
        process.join()


def test_four_processes_load_one_after_the_other(tmp_path: Path) -> None:
    started = time.monotonic()
    with holding(tmp_path, 0.2, processes=4) as (_, told):
        turns = sorted(turn for turn in (told.get(timeout=20) for _ in range(8)) if turn[1] is not None)

    assert all(left <= entered for (_, left), (entered, _) in pairwise(turns))
    assert turns[-1][1] - started < 2


def test_one_that_hangs_holds_the_others_up_for_as_long_as_they_are_patient_and_a_killed_one_not_at_all(
    tmp_path: Path,
) -> None:
    with holding(tmp_path, 60) as ([hanging], told):
        told.get(timeout=20)
        before = time.monotonic()
        with taking_turns(tmp_path, patience=0.3):
            assert 0.3 <= time.monotonic() - before < 2

        hanging.kill()
        hanging.join()
        before = time.monotonic()
        with taking_turns(tmp_path, patience=10):
            assert time.monotonic() - before < 2
