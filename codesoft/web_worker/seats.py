"""How many connections each worker holds, in memory that the master makes and every worker shares."""

import mmap

_EMPTY = -1
_WORD = 4  # bytes: written as a whole, so no worker reads half a number


class Seats:
    """One count a worker. The master gives the seats out; each worker writes its own and reads all."""

    def __init__(self, count: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, _WORD * count)).cast("i")
        for seat in range(count):
            self._counts[seat] = _EMPTY

    def take(self) -> int | None:
        """A free seat, for a worker that is about to be forked; None when there is none, and it goes uncounted."""
        for seat, connections in enumerate(self._counts):
            if connections == _EMPTY:
                self._counts[seat] = 0
                return seat
        return None

    def leave(self, seat: int | None) -> None:
        if seat is not None:
            self._counts[seat] = _EMPTY

    def tell(self, seat: int | None, connections: int) -> None:
        if seat is not None:
            self._counts[seat] = connections

    def others_have_fewer(self, seat: int | None) -> bool:
        """Whether another worker should have the next connection."""
        if seat is None:
            return False
        own = self._counts[seat]
        return any(_EMPTY < connections < own for connections in self._counts)
