"""The lease of a running attempt, renewed from a thread of its own while the run works."""

from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from registry_ui.services.run_state import RunClaim, run_renew

_LONGEST_PAUSE = 2.0  # seconds: also how long a cancelled run works on
_log = structlog.get_logger(__name__)


class Heartbeat:
    """Renews the lease until the block ends. `lost` tells whether this attempt may still work.

    A database that does not answer is no loss before the lease is over: nobody else can have taken the run until then.
    """

    def __init__(self, claim: RunClaim) -> None:
        self._claim = claim
        self._pause = min(settings.RUN_LEASE_SECONDS / 4, _LONGEST_PAUSE)
        self._ended = Event()
        self._lost = Event()
        self._thread = Thread(target=self._beat, name=f"heartbeat {claim.run_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def lost(self) -> bool:
        return self._lost.is_set()

    def _beat(self) -> None:
        renewed = monotonic()
        try:
            while not self._ended.wait(self._pause) and not self._lost.is_set():
                try:
                    held = run_renew(claim=self._claim)
                    renewed = monotonic()
                except DatabaseError as error:
                    _log.warning("heartbeat_failed", run=str(self._claim.run_id), error=str(error))
                    connection.close()
                    held = monotonic() - renewed < settings.RUN_LEASE_SECONDS
                if not held:
                    self._lost.set()
        finally:
            connection.close()
