"""One limit as one process keeps it, together with others: arithmetic alone, no clock and no server.

Requests are counted in slots of five seconds on the clock that all processes share. The running slot and the twelve
before it count: whatever sixty seconds one looks at, they hold no more than the limit. What is left is not all this
process's to give: it takes a share, tells the others what it took, and takes its next share of what they left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WINDOW_SECONDS = 60
SLOT_SECONDS = 5
SLOTS = WINDOW_SECONDS // SLOT_SECONDS + 1


@dataclass(frozen=True, slots=True)
class Note:
    """What a process tells the others of one limit: requests let through by slot, and the share that it took."""

    spent: Mapping[int, int]
    share: int

    def committed(self, oldest: int) -> int:
        return self.share + sum(count for slot, count in self.spent.items() if slot >= oldest)


class Meter:
    """`left` is what all processes together may still let through now, `share` how much of that is this one's."""

    __slots__ = ("frees_at", "left", "limit", "name", "others", "policy", "share", "slot", "spent", "wanted")

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.restrict(limit)
        self.spent: dict[int, int] = {}
        self.others: Sequence[Note] = ()
        self.slot = -1
        self.left = self.share = self.frees_at = 0
        self.wanted = False

    def restrict(self, limit: int) -> None:
        """From the next `settle` on, this is the limit."""
        self.limit = limit
        self.policy = f'"{self.name}";q={limit};w={WINDOW_SECONDS}'

    def settle(self, slot: int, processes: int, *, alone: bool) -> None:
        """Count anew for a slot. `alone`: the others are unknown, and it keeps to its part of the limit."""
        oldest = slot - SLOTS + 1
        self.slot = slot
        self.spent = {number: count for number, count in self.spent.items() if number >= oldest}
        own = sum(self.spent.values())
        if alone:
            self.left = self.share = max(0, -(-self.limit // processes) - own)
        else:
            self.left = max(0, self.limit - own - sum(note.committed(oldest) for note in self.others))
            self.share = -(-self.left // processes)
        known = [self.spent, *(note.spent for note in self.others)]
        counted = [number for spent in known for number in spent if number >= oldest]
        self.frees_at = (min(counted, default=slot) + SLOTS) * SLOT_SECONDS

    def take(self) -> None:
        """Let one request through, after `share` was found to be above 0."""
        self.share -= 1
        self.left -= 1
        self.wanted = True
        self.spent[self.slot] = self.spent.get(self.slot, 0) + 1

    def note(self) -> Note:
        """What to tell the others. A process that nobody asked lately keeps its share to itself, for them to use."""
        note = Note(dict(self.spent), self.share if self.wanted else 0)
        self.wanted = False
        return note
