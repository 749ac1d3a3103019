"""Which rows train, which are held out, and which duplicates are left out: no held-out row influences a training row.

Rows are named by their index. What happens to duplicates:
- A row whose cleaned inputs repeat those of an earlier row of the same side is dropped. Where one text bears several
  labels, its label is an error, and all its rows are dropped; where figures repeat with another outcome, both stay,
  since that is the noise that a probability has to express.
- A held-out row that equals, or whose text nearly equals, a training row is dropped, whatever their labels: it would
  measure memory. Training rows never give way to held-out rows.
- Tables of categories and booleans alone keep equal rows: there a repetition is a frequency, not a copy.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml_pipeline.inputs import Row
from ml_pipeline.learning.near_duplicates import ShingledTexts
from ml_pipeline.spec import InputField, Split
from ml_pipeline.spec.inputs import as_utc_milliseconds

_REPEATS_BY_NATURE = {"category", "boolean"}
_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Side:
    """The kept rows of one side of a split, and how many were left out for which reason."""

    rows: list[int]
    repeated: int = 0
    conflicting: int = 0
    like_training: int = 0


@dataclass(frozen=True)
class TwoSides:
    """A split: rows to learn from, rows to judge by, and how many belong to neither for want of a date."""

    training: Side
    held_out: Side
    undated: int = 0


class Splitter:
    """Splits checked and cleaned rows with their labels, by the spec's `split` section."""

    def __init__(
        self,
        *,
        ids: Sequence[str],
        rows: Sequence[Row],
        labels: Sequence[int],
        inputs: Mapping[str, InputField],
        split: Split,
    ) -> None:
        self._ids, self._labels, self._split = ids, labels, split
        texts = [name for name, field in inputs.items() if field.type == "text"]
        self._has_text = bool(texts)
        self._may_repeat = all(field.type in _REPEATS_BY_NATURE for field in inputs.values())
        self._keys = [tuple(row[name] for name in inputs) for row in rows]
        self._shingled = ShingledTexts(["\n".join(str(row[name] or "") for name in texts) for row in rows])

    def split(self, moments: Sequence[datetime | None] = ()) -> TwoSides:
        """By the hash of the id, or by `moments` (the values of `split.field`)."""
        if self._split.by == "time" and self._split.start is not None:
            return self.split_at(self._split.start, moments)
        return self._two_sides([is_held_out(document, self._split.held_out) for document in self._ids])

    def split_at(
        self,
        start: datetime,
        moments: Sequence[datetime | None],
        *,
        earliest: datetime | None = None,
        latest: datetime | None = None,
    ) -> TwoSides:
        """Rows before `start` train, those from then on are held out; without a moment in range a row is in neither."""
        first, border, last = (
            None if edge is None else as_utc_milliseconds(edge) for edge in (earliest, start, latest)
        )
        usable = [
            moment is not None and (first is None or moment >= first) and (last is None or moment <= last)
            for moment in moments
        ]
        later = [
            (moment >= border if moment is not None and border is not None else False) if use else None
            for moment, use in zip(moments, usable, strict=True)
        ]
        return self._two_sides(later)

    def _two_sides(self, later: Sequence[bool | None]) -> TwoSides:
        training = self._distinct([index for index, side in enumerate(later) if side is False])
        held_out = self._distinct([index for index, side in enumerate(later) if side is True])
        unlike = self._unlike(held_out.rows, of=training.rows)
        kept = Side(unlike, held_out.repeated, held_out.conflicting, len(held_out.rows) - len(unlike))
        return TwoSides(training, kept, undated=sum(side is None for side in later))

    def _distinct(self, rows: list[int]) -> Side:
        """The first row of each key (and label, in tables), less the keys of texts that bear several labels."""
        if self._may_repeat:
            return Side(rows)
        labels: dict[Any, set[int]] = {}
        for row in rows:
            labels.setdefault(self._keys[row], set()).add(self._labels[row])
        clear = [row for row in rows if not (self._has_text and len(labels[self._keys[row]]) > 1)]
        first: dict[Any, int] = {}
        for row in clear:
            first.setdefault((self._keys[row], self._labels[row]), row)
        return Side(list(first.values()), repeated=len(clear) - len(first), conflicting=len(rows) - len(clear))

    def _unlike(self, rows: list[int], *, of: list[int]) -> list[int]:
        if self._may_repeat:
            return rows
        keys = {self._keys[row] for row in of}
        others = [row for row in rows if self._keys[row] not in keys]
        if not self._has_text:
            return others
        near = self._shingled.near_duplicates(others, of=of, similarity=self._split.near_duplicate_similarity)
        return [row for row in others if row not in near]


def is_held_out(document_id: str, share: float) -> bool:
    """Whether the hash of the id falls into the first `share` of all hashes: fixed for a document's whole life."""
    return int(hashlib.sha256(document_id.encode()).hexdigest()[:8], 16) / 2**32 < share
