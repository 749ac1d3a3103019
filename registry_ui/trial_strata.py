"""Outcomes of two versions, counted by the size of a call.

A canary gets small parts of lists, and a large part fails more often than a small one: only calls of one size compare.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Counts:
    """Rows of each outcome (as many as `values`), of the version on trial and of the other, live or in its record."""

    values: Sequence[float]
    tested: Sequence[int]
    beside: Sequence[int]

    @classmethod
    def none(cls, values: Sequence[float]) -> Self:
        return cls(values, [0] * len(values), [0] * len(values))

    def combined(self, other: "Counts", how: Callable[[int, int], int]) -> "Counts":
        """Each count with its counterpart."""
        tested, beside = zip(self.tested, other.tested, strict=True), zip(self.beside, other.beside, strict=True)
        return Counts(self.values, [how(*both) for both in tested], [how(*both) for both in beside])


@dataclass(frozen=True)
class Strata:
    """Counts by size; a size that is not there has none."""

    values: Sequence[float]
    by_size: Mapping[int, Counts]

    def __getitem__(self, size: int) -> Counts:
        return self.by_size.get(size) or Counts.none(self.values)

    def __iter__(self) -> Iterator[int]:
        return iter(self.by_size)

    @property
    def total(self) -> Counts:
        return self.pooled(lambda _: True)

    def pooled(self, has: Callable[[int], bool]) -> Counts:
        """Of all sizes of which `has` is true."""
        pool = Counts.none(self.values)
        for size, one in self.by_size.items():
            pool = pool.combined(one, int.__add__) if has(size) else pool
        return pool

    def most(self, later: "Strata") -> "Strata":
        """Of each outcome the larger count of the two.

        What was taken back, as a label that is told anew takes one, cannot be unseen: only what exceeds the most there
        ever was is new, or labels that are told to and fro would count each time.
        """
        sizes = dict.fromkeys([*self, *later])
        return Strata(self.values, {size: self[size].combined(later[size], max) for size in sizes})

    def since(self, seen: "Strata") -> "Strata":
        """What exceeds `seen`."""
        return Strata(self.values, {size: self[size].combined(seen[size], _excess) for size in self})

    def beside_larger(self) -> Counts | None:
        """Calls that have none of their size beside them, and larger ones of the other; None without the former.

        Those fail at least as often, if the version on trial is no worse: one that always fails is found though nothing
        has its size. Which they are, only the sizes decide, and never how the calls went.
        """
        small = [size for size, one in self.by_size.items() if not sum(one.beside)]
        large = [size for size, one in self.by_size.items() if not sum(one.tested)]
        pools = [self._pair(small, large, border) for border in small]
        return max(pools, key=lambda one: min(sum(one.tested), sum(one.beside)), default=None)

    def _pair(self, small: Sequence[int], large: Sequence[int], border: int) -> Counts:
        tested = self.pooled(lambda size: size in small and size <= border).tested
        beside = self.pooled(lambda size: size in large and size >= border).beside
        return Counts(self.values, tested, beside)


def _excess(now: int, seen: int) -> int:
    return max(0, now - seen)
