"""Whether this worker is being shut down. Its processes share one byte, which the first SIGTERM sets.

A warm shutdown of Celery waits for its tasks, and a run may take hours: it asks here, ends its processes, and is queued
again (`services.execution`).
"""

import mmap

from celery.signals import worker_shutting_down

_told = mmap.mmap(-1, 1)  # anonymous and shared: made before the worker's children are forked


@worker_shutting_down.connect
def _tell(**_: object) -> None:
    _told[0] = 1


def is_shutting_down() -> bool:
    return _told[0] == 1
