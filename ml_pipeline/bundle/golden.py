"""Golden samples: a few held-out rows whose answers prove, at every load, that a bundle still answers as it did.

They are also the API's examples, so short ones are preferred and each label is covered.
"""

from collections.abc import Sequence

from ml_pipeline.canonical import sha256_hex
from ml_pipeline.inputs import Row

_SHORT = 1_500  # characters of text that a person still reads in an example


def choose_golden(ids: Sequence[str], rows: Sequence[Row], labels: Sequence[int], *, count: int) -> list[int]:
    """Indices of about `count` rows, labels in turn and every label at least once; the same for the same rows."""
    ranked = sorted(range(len(ids)), key=lambda row: _rank(ids[row], rows[row]))
    queues = {label: [row for row in ranked if labels[row] == label] for label in sorted(set(labels))}
    rounds = max(len(queue) for queue in queues.values())
    in_turn = [queue[place] for place in range(rounds) for queue in queues.values() if place < len(queue)]
    return in_turn[: max(count, len(queues))]


def _rank(document: str, row: Row) -> tuple[bool, str]:
    """Short rows first, in an order that no property of theirs decides."""
    return sum(len(value) for value in row.values() if isinstance(value, str)) > _SHORT, sha256_hex(document.encode())
