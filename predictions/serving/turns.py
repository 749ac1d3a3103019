"""One at a time among the processes of a machine: they load a new bundle after each other, not all at once."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

LOCK_FILE = "loading.lock"
PATIENCE_SECONDS = 3.0  # a process that hangs while it loads delays the others by no more
_ASK_AGAIN_SECONDS = 0.01

log = structlog.get_logger(__name__)


@contextmanager
def taking_turns(folder: Path, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Wait until no other process is inside, `patience` seconds at most: then go on beside it.

    The lock is the kernel's: that of a process which was killed is free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("ab") as file:
        deadline = time.monotonic() + patience
        while not _locked(file.fileno()):
            if time.monotonic() >= deadline:
                log.warning("serving.turn_not_waited_for", waited_seconds=patience)
                break
            time.sleep(_ASK_AGAIN_SECONDS)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
