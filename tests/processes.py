"""Looking at real processes and ports: which run for a state folder, whether they are gone, what is free."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def is_alive(pid: int) -> bool:
    """False for a zombie: it has ended and waits for its parent."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("PPid:")).split()[1])


def children_of(pid: int) -> list[int]:
    """Living ones, in the order of their numbers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_alive(int(entry.name)):
            with suppress(FileNotFoundError, ProcessLookupError):
                if parent_of(int(entry.name)) == pid:
                    found.append(int(entry.name))
    return sorted(found)


def descendants(pid: int) -> list[int]:
    """Children before their own children."""
    children = children_of(pid)
    return [*children, *(later for child in children for later in descendants(child))]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processes_with_state(var: Path) -> Iterator[int]:
    """Every living process whose environment names `var` as its state folder."""
    mark = f"VAR_DIR={var}\0".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_alive(int(entry.name)):
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark in environment:
                yield int(entry.name)


def gone_within(seconds: float, *pids: int) -> bool:
    return wait_until(lambda: not any(map(is_alive, pids)), seconds)


def wait_until(condition, seconds: float, interval: float = 0.05):
    """The condition's first true value, or its last false one when the time is over."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(interval)
    return value


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
