"""Log lines: JSON in production, readable on a laptop, one format for Django, Celery and our own structlog calls."""

import logging
import threading
import time
from typing import Any

import structlog
from django.conf import settings


def formatter() -> logging.Formatter:
    """A formatter for standard logging whose records structlog renders."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer() if settings.PRODUCTION else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )


class FirstOfEach(logging.Filter):
    """Of lines that say the same, the first in each `seconds`, with how many were left out since the one before.

    While a server hangs or a disk is full every refused request has such a line, and the log would fill what is left
    of the disk. A fault (500) is nobody's routine: each has its line. A line that comes last tells of none after it;
    the metrics count them all.
    """

    def __init__(self, seconds: float = 10.0) -> None:
        super().__init__()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._shown: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if (key := _says(record)) is None:
            return True
        with self._lock:
            since, left_out = self._shown.get(key, (float("-inf"), 0))
            now = time.monotonic()
            if now - since < self._seconds:
                self._shown[key] = (since, left_out + 1)
                return False
            self._shown[key] = (now, 0)
        if left_out:
            _add_count(record, left_out)
        return True


def _says(record: logging.LogRecord) -> tuple[object, ...] | None:
    """What two lines have in common: the event, or the status and the route. None for a line that is always shown."""
    if isinstance(record.msg, dict):  # structlog's
        return record.name, record.msg.get("event")
    status = getattr(record, "status_code", 0)
    if status <= 500:
        return None
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    return record.name, status, getattr(match, "route", "")


def _add_count(record: logging.LogRecord, left_out: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "left_out": left_out}
    else:
        record.msg = f"{record.msg} ({left_out} more like it before)"
