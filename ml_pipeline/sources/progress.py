"""Progress of a long read, for a person who waits."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Report = Callable[[str], None]


def with_progress(items: Iterable[Item], report: Report, *, every: float = 2.0) -> Iterator[Item]:
    """Pass items on and report how many have gone by, every `every` seconds."""
    started = reported = time.monotonic()
    count = 0
    for count, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - reported >= every:
            report(f"  {count:,} documents, {count / (now - started):,.0f} a second")
            reported = now
