"""A small process that stands between a worker and a command, so that neither outlives the other.

Started in a session of its own with a pipe as standard input, it runs the command in a process group and waits for
whichever comes first: the command's end, or the pipe's end, which means that the worker is gone, however it died. Then
the whole group is killed: `dvc` leaves its stage running when it is killed, and a stage may have children too.
A second, forked before, does the same where worker and guard are killed in one instant.

Run by path and without site-packages, because it must start in milliseconds:
`python -I -S guard.py GRACE_SECONDS group|leader COMMAND …`: who is asked to end, before all of the group have to.
"""

import os
import select
import signal
import subprocess
import sys
import threading

_COMMAND_ENDED = b"e"
_DISMISSED = b"."


def main(grace: float, asked: str, command: list[str]) -> int:
    """Run `command`; give its exit status as a shell does (128 + n when signal n killed it), or 128 + 15 when it was
    stopped because the worker went away.

    A command that is stopped gets SIGTERM, `grace` seconds, and SIGKILL. `asked` "leader": SIGTERM goes to the command
    alone, which ends its own children in its own order, as gunicorn and Celery do.
    """
    reading, writing = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.close(0))
    second = _second()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    _tell(second, f"{child.pid}\n".encode())
    sys.stdout.write(f"guard: process group {child.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (child.wait(), os.write(writing, _COMMAND_ENDED)), daemon=True).start()
    ended = _wait(reading)
    if not ended:
        if asked == "leader":
            child.terminate()
        else:
            _signal_group(child.pid, signal.SIGTERM)
        select.select([reading], [], [], grace)
    _signal_group(child.pid, signal.SIGKILL)
    _tell(second, _DISMISSED)
    if not ended:
        return 128 + signal.SIGTERM
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _tell(second: int, words: bytes) -> None:
    """A second that was killed costs a safety, not the command."""
    try:
        os.write(second, words)
    except BrokenPipeError:
        return


def _second() -> int:
    """Fork the second; the end of its pipe, which takes the process group, and a dot when nothing is left to do."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(reading)
        return writing
    for descriptor in (0, 1, 2, writing):
        os.close(descriptor)
    os.setsid()
    told = b""
    while chunk := os.read(reading, 64):
        told += chunk
    group, _, dismissed = told.partition(b"\n")
    if group and not dismissed:
        _signal_group(int(group), signal.SIGKILL)
    os._exit(0)


def _wait(command_ended: int) -> bool:
    """True when the command ended, False when the worker did (or asked to stop by SIGTERM)."""
    try:
        readable, _, _ = select.select([0, command_ended], [], [])
    except OSError:  # SIGTERM closed standard input
        return False
    return command_ended in readable


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
