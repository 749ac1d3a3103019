"""Running a command under the guard process (`guard.py`), line by line, with a way to stop it."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

_GUARD = Path(__file__).with_name("guard.py")
_GREETING = "guard: process group "
_POLL_SECONDS = 0.5


def run_guarded(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
    grace: float = 2.0,
    ends_its_children: bool = False,
) -> int:
    """Run `command` and give its exit status; `on_line` gets each line of its output (both streams).

    `should_stop` is asked twice a second; when it says so, or when this process dies, the command and everything it
    started are gone within `grace` seconds. A command that `ends_its_children` is asked alone at first: a server whose
    children are asked as well cannot end them in order.
    """
    asked = "leader" if ends_its_children else "group"
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD), str(grace), asked, *command],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    stdout = cast(IO[bytes], guard.stdout)
    group: int | None = None
    try:
        for line in _lines(stdout.fileno(), guard, should_stop):
            if group is None and line.startswith(_GREETING):
                group = int(line.removeprefix(_GREETING))
            else:
                on_line(line)
        return guard.wait()
    finally:
        _end(guard, group)


def _lines(stream: int, guard: subprocess.Popen[bytes], should_stop: Callable[[], bool]) -> Iterator[str]:
    """Lines until the output ends. Asks `should_stop` also while a command is silent."""
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        checked = time.monotonic()
        while True:
            ready = selector.select(_POLL_SECONDS)
            if time.monotonic() - checked >= _POLL_SECONDS:
                checked = time.monotonic()
                if should_stop():
                    guard.terminate()
                    return
                if not ready and guard.poll() is not None:
                    return  # killed, with children that still hold the pipe: the caller ends them
            if not ready:
                continue
            chunk = os.read(stream, 65_536)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace").rstrip("\r")
    if pending:
        yield pending.decode("utf-8", "replace")


def _end(guard: subprocess.Popen[bytes], group: int | None) -> None:
    """Close the guard's pipe and wait; if the guard itself was killed, do its duty."""
    cast(IO[bytes], guard.stdin).close()
    guard.wait()
    cast(IO[bytes], guard.stdout).close()
    if group is not None:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return
