"""Workers are killed under load: what a client got an id for is in the log, once."""

import os
import random
import signal
import time

from tests.drills.report import Report
from tests.drills.stand import Stand, repeated
from tests.processes import wait_until


def kill_workers(stand: Stand, *, count: int, pauses: tuple[float, float], rate: float, clients: int) -> Report:
    report = Report("SIGKILL of workers", ["figure", "value"])
    chance = random.Random(20261125)  # noqa: S311 - whom and when
    load = stand.load(rate=rate, clients=clients)
    size = len(stand.workers())
    with load.running():
        for _ in range(count):
            time.sleep(chance.uniform(*pauses))
            victims = wait_until(lambda: sorted({*load.serving()} & {*stand.workers()}), 120)
            assert victims, "no worker answers"
            os.kill(chance.choice(victims), signal.SIGKILL)
        assert wait_until(lambda: len(stand.workers()) == size, 30)
        time.sleep(2)
    good = [one for one in load.answered if one.status == 200]
    cut = [one for one in load.answered if one.status == 0]
    refused = [one for one in load.answered if one.status not in (0, 200)]
    ids = [number for one in good for number in one.ids]
    seconds, missing = stand.wait_for_log(ids)

    report.add("kills", count)
    report.add("requests answered, predictions", f"{len(good)}, {len(ids)}")
    report.add("requests cut off by a kill", len(cut))
    report.add("other failures", len(refused))
    report.add("answered and not in the log", len(missing))
    report.add("ids given twice", len(repeated(ids)))
    report.add("all logged, nothing in a spool, after", f"{seconds:.1f} s")
    report.check(bool(good), "nothing was answered")
    report.check(not refused, f"{len(refused)} requests were refused, the first: {refused[:1]}")
    report.check(not missing, f"{len(missing)} answered predictions are not in the log: {missing[:3]}")
    report.check(not repeated(ids), f"ids given twice: {repeated(ids)[:3]}")
    report.check(not stand.waiting(), f"left in the spool: {stand.waiting()}")
    return report
