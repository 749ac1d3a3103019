"""Texts that are nearly the same: the Jaccard similarity of their sets of word 3-shingles, found exactly and fast.

Shingling as in Broder (1997), On the resemblance and containment of documents. The search is the prefix filter of
Bayardo, Ma & Srikant (2007), Scaling up all pairs similarity search: with shingles ordered from rare to common, two
sets of similarity ≥ t share one among the first |s| - ceil(t·|s|) + 1 shingles of each, so an index of those few
prefixes gives every candidate, and each candidate is then compared exactly.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"\w+")
_WORDS_A_SHINGLE = 3
_ROUNDING = 1e-9


class ShingledTexts:
    """Texts as sets of shingles, to be asked which of them resemble which others. Texts are named by their index."""

    def __init__(self, texts: Sequence[str]) -> None:
        numbers: dict[tuple[str, ...], int] = {}
        sets = [{numbers.setdefault(shingle, len(numbers)) for shingle in _shingles(text)} for text in texts]
        frequency = Counter(number for shingles in sets for number in shingles)
        self._sets = sets
        self._from_rare = [sorted(shingles, key=lambda number: (frequency[number], number)) for shingles in sets]

    def near_duplicates(self, among: Iterable[int], *, of: Iterable[int], similarity: float) -> set[int]:
        """Those of `among` that resemble at least one text of `of`. A text without words resembles none."""
        index: dict[int, list[int]] = defaultdict(list)
        for text in of:
            for shingle in self._prefix(text, similarity):
                index[shingle].append(text)
        return {text for text in among if self._resembles_one(text, index, similarity)}

    def groups(self, similarity: float) -> list[int]:
        """For each text the lowest index of those that it is tied to by a chain of near-duplicates, itself included."""
        group = list(range(len(self._sets)))
        index: dict[int, list[int]] = defaultdict(list)

        def first(text: int) -> int:
            while group[text] != text:
                group[text] = text = group[group[text]]
            return text

        for text in group.copy():
            prefix = self._prefix(text, similarity)
            for other in {other for shingle in prefix for other in index[shingle]}:
                one, two = sorted((first(text), first(other)))
                if one != two and self.similarity(text, other) >= similarity:
                    group[two] = one
            for shingle in prefix:
                index[shingle].append(text)
        return [first(text) for text in range(len(group))]

    def similarity(self, one: int, other: int) -> float:
        """Shared shingles by all shingles of both."""
        shared = len(self._sets[one] & self._sets[other])
        total = len(self._sets[one]) + len(self._sets[other]) - shared
        return shared / total if total else 0.0

    def _resembles_one(self, text: int, index: dict[int, list[int]], similarity: float) -> bool:
        seen: set[int] = set()
        for shingle in self._prefix(text, similarity):
            for other in index.get(shingle, ()):
                if other not in seen and self.similarity(text, other) >= similarity:
                    return True
                seen.add(other)
        return False

    def _prefix(self, text: int, similarity: float) -> list[int]:
        size = len(self._from_rare[text])
        return self._from_rare[text][: size - math.ceil(similarity * size - _ROUNDING) + 1]


def _shingles(text: str) -> Iterable[tuple[str, ...]]:
    """Runs of three words; a text of fewer words is one shingle of all of them."""
    words = _WORD.findall(text.lower())
    if len(words) < _WORDS_A_SHINGLE:
        return [tuple(words)] if words else []
    return zip(words, words[1:], words[2:], strict=False)
