"""The spool of one process: a folder of segments, shared by the processes on its volume, bounded in bytes."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from predictions import metrics
from predictions.errors import SpoolFull
from predictions.prediction_log.segment import SUFFIX, Segment, segment_age

ROTATE_BYTES = 8 * 2**20
MEASURE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SpoolSize:
    """What waits in the folder, of all processes."""

    bytes: int
    oldest_seconds: float


class Spool:
    """Appends come from request threads, everything else from the shipping thread."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._active: Segment | None = None
        self._waiting: list[Segment] = []
        self._used = 0
        self._measured_at = 0.0

    def append(self, lines: bytes) -> None:
        """Remember whole lines. When this returns, they outlive the process; SpoolFull where they cannot be kept."""
        with self._lock:
            if self._used_bytes() + len(lines) > self._limit:
                raise _full("it has reached its limit")
            try:
                if self._active is None:
                    self._active = Segment.create(self.folder)
                self._active.append(lines)
            except OSError as error:
                raise _full(error.strerror or "it cannot be written") from error
            self._used += len(lines)

    def take_waiting(self) -> list[Segment]:
        """Segments to ship, oldest first: those kept from before, those of dead processes, and the own active one.

        While older segments could not be shipped the active one goes on growing, or an outage would leave thousands
        of files.
        """
        with self._lock:
            self._adopt()
            if self._active is not None and (not self._waiting or self._active.size >= ROTATE_BYTES):
                self._waiting.append(self._active)
                self._active = None
            return list(self._waiting)

    def mark_shipped(self, segment: Segment) -> None:
        with self._lock:
            segment.discard()
            self._waiting.remove(segment)
            self._measured_at = 0.0

    def measure(self) -> SpoolSize:
        """What waits now; also sets the gauges."""
        segments = [(path, _size(path)) for path in self.folder.glob(f"*{SUFFIX}")]
        oldest = max((segment_age(path) for path, size in segments if size), default=0.0)
        size = SpoolSize(sum(size for _, size in segments), oldest)
        metrics.SPOOL_BYTES.set(size.bytes)
        metrics.SPOOL_OLDEST.set(size.oldest_seconds)
        return size

    def close(self) -> None:
        """Let go of every segment: what was not shipped waits for another process."""
        with self._lock:
            for segment in [*self._waiting, *([self._active] if self._active else [])]:
                segment.release()
            self._waiting.clear()
            self._active = None

    def _adopt(self) -> None:
        held = {segment.path for segment in [*self._waiting, *([self._active] if self._active else [])]}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path not in held and (segment := Segment.adopt(path)) is not None:
                self._waiting.append(segment)

    def _used_bytes(self) -> int:
        """Bytes of all processes, measured now and then, plus our own since."""
        if time.monotonic() - self._measured_at > MEASURE_SECONDS:
            self._used = self.measure().bytes
            self._measured_at = time.monotonic()
        return self._used


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # shipped by its owner between the listing and now
        return 0


def _full(reason: str) -> SpoolFull:
    return SpoolFull(
        f"The prediction could not be logged, so it was not given: the spool is full ({reason}).",
        advice="Try again later; somebody has to look at the database or the disk.",
    )
