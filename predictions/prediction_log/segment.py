"""One file of the spool. Whoever holds its lock owns it: the process that writes it, or one that adopts it later."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import uuid_utils

SUFFIX = ".jsonl"


class Segment:
    """A locked file of JSON lines. The kernel drops the lock when its process dies, however it dies."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new, empty segment. It takes its name only when it is locked, so that nobody can adopt it in between."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid_utils.uuid7()}{SUFFIX}"
        unnamed = path.with_suffix(".new")
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(path)
        except OSError:  # a full disk, again and again, must not leave a file and a descriptor each time
            os.close(descriptor)
            unnamed.unlink(missing_ok=True)
            raise
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """The segment of a dead process; None while somebody holds it, or when it is gone."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:  # its last owner may have shipped and removed it before we got the lock
                return cls(path, descriptor)
        except BlockingIOError:
            pass
        os.close(descriptor)
        return None

    def append(self, lines: bytes) -> None:
        """Hand whole lines to the kernel, all or nothing; OSError where they do not fit."""
        written = os.write(self._descriptor, lines)
        if written != len(lines):
            os.ftruncate(self._descriptor, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def lines(self) -> Iterator[bytes]:
        """Whole lines. A last one without its line break was torn by a kill: its answer never left."""
        with os.fdopen(os.dup(self._descriptor), "rb") as stream:
            stream.seek(0)
            for line in stream:
                if line.endswith(b"\n"):
                    yield line

    def discard(self) -> None:
        """Remove the file, then let go: nobody can adopt what has been shipped."""
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let go of the file; another process, or a later one, adopts it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def segment_age(path: Path) -> float:
    """Seconds since the segment was created, which its name (UUIDv7) tells in milliseconds."""
    try:
        created = uuid_utils.UUID(path.stem).timestamp / 1000
    except ValueError:
        return 0.0
    return max(0.0, time.time() - created)
