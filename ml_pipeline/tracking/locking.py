"""A lock between processes on one machine."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_pipeline.errors import TrackingUnavailable

_POLL_SECONDS = 0.05


@contextmanager
def file_lock(path: Path, *, patience: float = 120.0) -> Iterator[None]:
    """Hold `path` exclusively. The kernel releases it when the process dies, so that nothing stale can remain."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    with path.open("a") as stream:
        while not _taken(stream.fileno()):
            if time.monotonic() > deadline:
                raise TrackingUnavailable(
                    f"Another process has held {path.name} for over {patience:.0f} s.",
                    advice="Look for a publishing process that hangs.",
                )
            time.sleep(_POLL_SECONDS)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
