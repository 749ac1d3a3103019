"""A server as a tree of processes: started, waited for, measured from `/proc`, and stopped with all that it started."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICK = 1 / os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 15.0
_LOOK_SECONDS, _IDLE_SHARE = 0.4, 0.1
_PARENT, _SESSION, _USER_TIME = 1, 3, 11  # fields of /proc/PID/stat after the command's name


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds by process, user and system, those of ended children included."""

    seconds: Mapping[int, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def since(self, before: "Usage") -> "Usage":
        return Usage({pid: value - before.seconds.get(pid, 0.0) for pid, value in self.seconds.items()})


class ServerFault(RuntimeError):
    """A server did not start, ended by itself, or answered wrongly; the message holds the end of its log."""


class Server:
    """A started command: the leader of a session of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    def start(cls, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path) -> Self:
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=stream, stderr=stream, start_new_session=True
            )
        return cls(process, log)

    def wait_for(self, answered: Callable[[], bool], seconds: float) -> None:
        """Ask until it is answered; ServerFault where it is not in time, or the process ended."""
        deadline = time.monotonic() + seconds
        while not answered():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self.fault("did not answer")
            time.sleep(0.01)

    def wait_until_idle(self, seconds: float) -> None:
        """Until what a start leaves to do is done, as loading further models; after `seconds` it goes on regardless."""
        deadline, used = time.monotonic() + seconds, self.usage().total
        while time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
            before, used = used, self.usage().total
            if used - before < _IDLE_SHARE * _LOOK_SECONDS:
                return

    def fault(self, what: str) -> ServerFault:
        return ServerFault(f"{self._log.stem} {what}. Its log ends:\n{self._log.read_text(errors='replace')[-3000:]}")

    def pids(self) -> list[int]:
        """Every living process of the tree: of the session, and what its members started in sessions of their own."""
        members = {self._process.pid}
        fields = dict(_all_stats())
        while True:
            more = {
                pid
                for pid, stat in fields.items()
                if int(stat[_SESSION]) == self._process.pid or int(stat[_PARENT]) in members
            }
            if more <= members:
                return sorted(members & fields.keys())
            members |= more

    def usage(self) -> Usage:
        stats = {pid: stat for pid in self.pids() if (stat := _stat(pid)) is not None}
        return Usage({pid: sum(map(int, stat[_USER_TIME : _USER_TIME + 4])) * TICK for pid, stat in stats.items()})

    def memory(self) -> dict[int, float]:
        """Proportional set size by process, in MB: shared pages count in parts."""
        return {pid: pss for pid in self.pids() if (pss := _pss(pid)) is not None}

    def stop(self) -> None:
        """Ask the leader to end, and then see to it that nothing of the tree is left."""
        pids = self.pids()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def running(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    server = Server.start(command, folder=folder, environment=environment, log=log)
    try:
        yield server
    finally:
        server.stop()


def free_ports(count: int) -> int:
    """The first of `count` ports of 127.0.0.1, one after the other, on which nobody listens now."""
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with suppress(OSError, OverflowError):
                for offset in range(1, count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + offset))
                return port


def _all_stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            yield int(entry.name), stat


def _stat(pid: int) -> list[str] | None:
    """The fields after the command's name, which may hold spaces and brackets; None for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _pss(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (OSError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), None)
