"""A connection of psycopg that gives up on a server which answers nothing, and needs a place inside the database."""

import math
from collections.abc import Callable, Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg import OperationalError
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from predictions import bulkhead

_BUSY = frozenset({TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR})

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """Waits at most `patience` seconds for the server to say something.

    No time-out of the server's own does that: `statement_timeout` hangs with it, and its kernel goes on acknowledging
    packets. Whether a statement that was given up took effect is not known.
    """

    patience = math.inf
    _has_place = False  # taken by this connection for its thread, and kept while a transaction is open
    _asks_nothing = False

    def wait(self, gen: PQGen[T], *arguments: Any, **options: Any) -> T:
        """OperationalError after `patience` seconds of silence, the connection closed; DatabaseUnavailable before
        anything is asked where the thread gets no place."""
        if not (self._has_place or self._asks_nothing or self.closed):
            self._has_place = bulkhead.enter()
        try:
            return super().wait(_heard(gen, self.patience), *arguments, **options)
        except _Silence as silence:
            self.pgconn.finish()
            raise OperationalError(f"the server has said nothing for {self.patience:.0f} s") from silence
        finally:
            self._give_place_back()

    def close(self) -> None:
        super().close()
        self._give_place_back()

    def commit(self) -> None:
        self._settle(super().commit)

    def rollback(self) -> None:
        self._settle(super().rollback)

    def set_autocommit(self, value: bool) -> None:
        self._settle(lambda: super(PatientConnection, self).set_autocommit(value))

    def _settle(self, step: Callable[[], None]) -> None:
        """Within a transaction the thread is inside; without one these steps pass through `wait` and ask nothing.

        A refusal here would leave the connection between two states.
        """
        self._asks_nothing = True
        try:
            step()
        finally:
            self._asks_nothing = False

    def _give_place_back(self) -> None:
        if self._has_place and self.pgconn.transaction_status not in _BUSY:
            self._has_place = False
            bulkhead.leave()


class _Silence(Exception):
    """The patience is over."""


def _heard(gen: PQGen[T], patience: float) -> Generator[Any, Any, T]:
    """`gen` as it is, until the server has said nothing for so long. Results that keep coming may take their time.

    psycopg (3.3; early 3.2 did not) resumes it with nothing ready ten times a second: the clock is looked at then.
    """
    try:
        wanted = next(gen)
        last_heard = monotonic()
        while True:
            ready = yield wanted
            if ready:
                last_heard = monotonic()
            elif monotonic() - last_heard >= patience:
                raise _Silence
            wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
