"""The terms of one n-gram block as numbers: a token is looked up, a phrase is found by the numbers of its tokens.

A phrase is the number of its beginning and that of its last token. The phrases of a whole batch are therefore found by
one search among integers, and the text of a phrase is neither kept nor made before somebody wants to read it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

_HALF = 32  # bits of each of the two numbers in a phrase's key
_LOWER = (1 << _HALF) - 1


class Vocabulary:
    """Places of terms, counted from `first` on: the terms in their order, then `unknown`, then mere parts of phrases.

    `phrases`: a blank in a term separates tokens. `end` is the place after the last one.
    """

    def __init__(self, terms: Sequence[str], first: int, *, phrases: bool) -> None:
        self.first, self.unknown, self.end = first, first + len(terms), first + len(terms) + 1
        self.numbers = {term: place for place, term in enumerate(terms, first)}
        edges = self._edges([term for term in terms if " " in term]) if phrases else []
        self._names: list[str | None] = [None] * (self.end - first)
        for token, place in self.numbers.items():
            self._names[place - first] = token
        self._keys = np.zeros(self.end - first, dtype=np.int64)
        places, keys = np.array(edges, dtype=np.int64).reshape(-1, 2).T
        self._keys[places - first] = keys
        order = keys.argsort()
        self._sorted = np.append(keys[order], np.iinfo(np.int64).max)
        self._places = np.append(places[order], self.unknown)

    def _edges(self, phrases: list[str]) -> list[tuple[int, int]]:
        """The key of each phrase, and of each beginning of one, by its place; leaves only tokens in `numbers`."""
        numbers, edges = self.numbers, []

        def place_of(part: str) -> int:
            if part not in numbers:
                numbers[part] = self.end
                self.end += 1
                if " " in part:
                    phrases.append(part)
            return numbers[part]

        for phrase in phrases:  # grows by the beginnings that are no terms themselves
            beginning, _, last = phrase.rpartition(" ")
            edges.append((numbers[phrase], place_of(beginning) << _HALF | place_of(last)))
        self.numbers = {part: place for part, place in numbers.items() if " " not in part}
        return edges

    def longer(self, beginnings: Places, tokens: Places) -> Places:
        """The places of phrases by their beginnings and last tokens; `unknown` for those that are not known."""
        keys = (beginnings << _HALF) | tokens
        at = self._sorted.searchsorted(keys)
        return np.where(self._sorted.take(at) == keys, self._places.take(at), self.unknown)

    def term(self, place: int) -> str:
        """The text of a term."""
        if (name := self._names[place - self.first]) is not None:
            return name
        key = int(self._keys[place - self.first])
        return f"{self.term(key >> _HALF)} {self.term(key & _LOWER)}"
