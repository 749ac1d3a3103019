"""The disk of the web processes is full: what cannot be remembered is refused, nothing is lost, no process dies."""

import errno
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.drills.report import Report
from tests.drills.stand import Stand

_BLOCK = bytes(64 * 1024)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size; PermissionError where nobody may mount one."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={megabytes}m,mode=700,uid={os.geteuid()}"
    mounted = subprocess.run(
        [*root, "mount", "-t", "tmpfs", "-o", options, "drill", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        raise PermissionError(mounted.stderr.decode().strip())
    try:
        yield folder
    finally:
        subprocess.run([*root, "umount", "--lazy", str(folder)], check=True)


def fill_disk(stand: Stand, disk: Path, *, seconds: float, rate: float, clients: int) -> Report:
    """`disk` holds the state folder. It is filled, stays full for `seconds`, and gets its room back.

    Meanwhile one worker is killed: its successor starts on the full disk.
    """
    report = Report("The disk is full", ["figure", "value"])
    old = stand.workers()
    load = stand.load(rate=rate, clients=clients)
    with load.running():
        time.sleep(seconds / 2)
        with _filled(disk):
            time.sleep(seconds / 2)
            os.kill(old[0], signal.SIGKILL)
            answering = stand.answers_from_another_than(old)
            time.sleep(seconds / 2)
        freed = time.time()
        time.sleep(seconds / 2)
    codes = Counter(one.refusal for one in load.answered if one.status not in (0, 200))
    cut = [one for one in load.answered if one.status == 0]
    late = [one for one in load.answered if one.status != 200 and one.sent > freed + 1]
    ids = [number for one in load.answered for number in one.ids]
    logged_after, missing = stand.wait_for_log(ids)
    survived, new = set(old) & set(stand.workers()), set(stand.workers()) - set(old)

    report.add("requests answered", sum(one.status == 200 for one in load.answered))
    report.add("refused with 503 spool_full", codes["spool_full"])
    report.add("cut off by the kill, other failures", f"{len(cut)}, {sum(codes.values()) - codes['spool_full']}")
    report.add("workers that died of it", len(old) - 1 - len(survived))
    report.add("answered and not in the log", len(missing))
    report.add("all logged after", f"{logged_after:.1f} s")
    report.check(codes["spool_full"] > 0, "the disk was never full")
    report.check(set(codes) <= {"spool_full"}, f"failures by code: {dict(codes)}")
    report.check(all(one.worker in (0, old[0]) for one in cut), "a worker that was not killed broke connections")
    report.check(survived == set(old[1:]), "a worker died of the full disk")
    report.check(
        bool(answering) and new == {answering},
        f"a worker could not start on the full disk: {old} before, {answering} answered then, {sorted(new)} are new. "
        f"Their log ends: {_log_end(stand.web.log)}",
    )
    report.check(not late, f"{len(late)} requests failed although there was room again")
    report.check(not missing, f"{len(missing)} answered predictions are not in the log")
    return report


def _log_end(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-10:]


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """Whatever room the processes make is taken again at once."""
    ballast, stopped = disk / "ballast", Event()
    keeper = Thread(target=_keep_full, args=(ballast, stopped), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stopped.set()
        keeper.join()
        ballast.unlink()


def _keep_full(ballast: Path, stopped: Event) -> None:
    with ballast.open("wb", buffering=0) as stream:
        while not stopped.is_set():
            try:
                stream.write(_BLOCK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                stopped.wait(0.002)
