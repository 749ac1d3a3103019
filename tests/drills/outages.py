"""A server stops or hangs under load: predictions go on as before, and everything is logged after it returned."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.drills.load import Load, percentile
from tests.drills.report import Report
from tests.drills.servers import Server
from tests.drills.stand import Stand

# A machine that others use too shows noise of this size between two equal minutes.
_NOISE_FACTOR, _NOISE_MILLISECONDS = 2.0, 10.0


@dataclass(frozen=True)
class Outage:
    """How a server goes away, and how it returns."""

    server: Server
    how: str

    @property
    def title(self) -> str:
        return f"{self.server.name} {self.how}"

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """Away while the block takes."""
        stopped = self.how == "stopped"
        (self.server.stop if stopped else self.server.hang)()
        try:
            yield
        finally:
            (self.server.start if stopped else self.server.go_on)()


def live_through(
    stand: Stand, outages: list[Outage], *, seconds: float, rate: float, clients: int, timing: bool = True
) -> Report:
    """Each outage: as long before, during and after it. `timing` makes a slower p99 a violation."""
    columns = [
        "outage",
        "requests",
        "failed",
        "p50 / p99 in ms before",
        "during",
        "after",
        "all logged after",
        "missing",
    ]
    report = Report("Servers that stop or hang", columns)
    for outage in outages:
        load = stand.load(rate=rate, clients=clients)
        with load.running():
            before = spend(seconds)
            with outage.lasting():
                during = spend(seconds)
            after = spend(seconds)
        quiet, away, back = _judge(report, stand, outage, load, [before, during, after])
        most = _NOISE_FACTOR * max(quiet, back) + _NOISE_MILLISECONDS
        report.check(not timing or away <= most, f"{outage.title}: p99 rose to {away:.1f} ms, noise is {most:.1f} ms")
    return report


def start_worker_while_away(stand: Stand, outage: Outage, *, rate: float, clients: int) -> Report:
    """A worker dies while the database is away: its successor boots from the snapshot file and adopts its spool."""
    report = Report(f"A worker that starts while {outage.title}", ["figure", "value"])
    old = stand.workers()
    load = stand.load(rate=rate, clients=clients)
    with load.running():
        with outage.lasting():
            time.sleep(1)
            os.kill(old[0], signal.SIGKILL)
            started = time.monotonic()
            answering = stand.answers_from_another_than(old)
            seconds = time.monotonic() - started
        time.sleep(1)
    cut = [one for one in load.answered if one.status == 0]
    failed = [one for one in load.answered if one.status not in (0, 200)]
    failed += [one for one in cut if one.worker not in (0, old[0])]
    ids = [number for one in load.answered for number in one.ids]
    logged_after, missing = stand.wait_for_log(ids)
    report.add("first answer of the new worker", f"{seconds:.1f} s after the kill" if answering else "none")
    report.add("requests cut off by the kill, other failures", f"{len(cut)}, {len(failed)}")
    report.add("all logged after", f"{logged_after:.1f} s")
    report.add("answered and not in the log", len(missing))
    report.check(bool(answering), "the new worker did not answer")
    report.check(not failed, f"{len(failed)} requests failed, the first: {failed[:1]}")
    report.check(not missing, f"{len(missing)} answered predictions are not in the log")
    return report


def spend(seconds: float) -> tuple[float, float]:
    """Let time pass; from when to when it was."""
    start = time.time()
    time.sleep(seconds)
    return start, time.time()


def _judge(report: Report, stand: Stand, outage: Outage, load: Load, phases: list[tuple[float, float]]) -> list[float]:
    """A row of the report; the p99 of the three phases."""
    failed = [one for one in load.answered if one.status != 200]
    ids = [number for one in load.answered for number in one.ids]
    logged_after, missing = stand.wait_for_log(ids)
    latencies = [[one.latency for one in load.due(*phase)] for phase in phases]
    shown = [f"{percentile(some, 50):.1f} / {percentile(some, 99):.1f}" for some in latencies]
    report.add(outage.title, len(load.answered), len(failed), *shown, f"{logged_after:.1f} s", len(missing))
    report.check(not failed, f"{outage.title}: {len(failed)} requests failed, the first: {failed[:1]}")
    report.check(not missing, f"{outage.title}: {len(missing)} answered predictions are not in the log")
    report.check(all(latencies), f"{outage.title}: a phase without a request")
    return [percentile(some, 99) for some in latencies]
