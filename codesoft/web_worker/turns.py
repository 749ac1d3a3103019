"""Which thread takes the next request: one after the other where requests only compute."""

import threading
import time

PATIENCE_SECONDS = 0.02


class Turns:
    """The turn to wait for requests and to compute answers. One thread has it, and keeps it from request to request.

    Threads that compute side by side win nothing: the interpreter runs one of them, and hands over at each read, write
    and switch interval. So the others sleep until the holder passes the turn on, because it is going to wait for
    something. One that waits without having said so, for a disk or for a client that does not read, is overtaken once
    its request has taken PATIENCE_SECONDS.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._turn = threading.Lock()
        self._next = threading.Lock()  # of those who want the turn one looks at the clock; the others sleep
        self._change = threading.Lock()
        self._holder = 0
        self._busy_since: float | None = None

    @property
    def is_mine(self) -> bool:
        return self._holder == threading.get_ident()

    def take(self) -> None:
        """Wait for the turn, or overtake."""
        with self._next:
            while not self._turn.acquire(timeout=self._patience):
                with self._change:
                    if self._holder_is_overdue():
                        return self._become_holder()
            with self._change:
                self._become_holder()

    def begin(self) -> None:
        """The holder has a request to answer, and is not to be waited for without end."""
        self._busy_since = time.monotonic()

    def end(self) -> None:
        """It has answered, and may wait for the next one as long as it takes."""
        with self._change:
            if self.is_mine:
                self._busy_since = None

    def pass_on(self) -> None:
        """Let the next thread go on; without effect for whoever was overtaken or has passed it on."""
        with self._change:
            if self.is_mine:
                self._holder = 0
                self._turn.release()

    def _holder_is_overdue(self) -> bool:
        since = self._busy_since
        return self._holder != 0 and since is not None and time.monotonic() - since > self._patience

    def _become_holder(self) -> None:
        self._holder, self._busy_since = threading.get_ident(), None
