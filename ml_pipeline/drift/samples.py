"""A sample of what a model was asked and what it answered, and how much its rows tell."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml_pipeline.drift.distances import Floats
from ml_pipeline.inputs import Row
from ml_pipeline.spec import InputField


@dataclass(frozen=True)
class Answers:
    """What was answered, a label and a probability a row: of the positive label, with several labels of that one."""

    labels: Sequence[str]
    probabilities: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Iterable[int]) -> "Answers":
        chosen = list(rows)
        return Answers([self.labels[row] for row in chosen], self.probabilities[chosen])


@dataclass(frozen=True)
class Sample:
    """Checked rows of inputs, and answers. A window whose inputs are not all kept has fewer rows than answers."""

    rows: Sequence[Row]
    answers: Answers


def spread(count: int, most: int) -> Sequence[int]:
    """At most so many places of `count`, evenly spread."""
    return range(count) if count <= most else np.linspace(0, count - 1, most).astype(int).tolist()


def compared(inputs: Mapping[str, InputField]) -> list[str]:
    """The fields by which rows are compared: all but moments, which move on by themselves."""
    return [name for name, field in inputs.items() if field.type != "datetime"]


def row_keys(rows: Iterable[Row], fields: Collection[str]) -> list[Hashable]:
    """One a row, the same for rows with the same values of these fields."""
    return [tuple(row[name] for name in fields) for row in rows]


def answer_keys(answers: Answers) -> list[Hashable]:
    return list(zip(answers.labels, answers.probabilities.tolist(), strict=True))


def effective_rows(window: Sequence[Hashable], reference: Sequence[Hashable]) -> int:
    """As how many independent rows the window counts: fewer where rows repeat more often than the reference's do.

    Draws from M different rows have the variance of 1/n + 1/M of a sum (the finite bootstrap), and a pair of them is
    equal with probability 1/M, beside what chance makes equal. So 1/M is read from the share of equal pairs. It is at
    most 2/m, m the rows of the reference: a feed that got stuck on one row is still a window to judge, not one row.
    """
    natural, found = _equal_pairs(reference), _equal_pairs(window)
    repeated = max(0.0, found - natural) / max(1e-9, 1 - natural)
    return max(1, round(1 / (1 / len(window) + min(repeated, 2 / len(reference)))))


def _equal_pairs(keys: Sequence[Hashable]) -> float:
    """The share of pairs of two rows that are equal."""
    rows = len(keys)
    equal = sum(count * (count - 1) for count in Counter(keys).values())
    return equal / (rows * (rows - 1)) if rows > 1 else 0.0
