"""Explaining a model that can only be asked: Shapley values by permutation sampling.

A walk starts at a golden sample without its texts and puts the row's own fields and words in their places, one after
the other in a random order; what each step changed in the answer is the part's. The mean over some walks estimates the
Shapley value (Castro, Gómez & Tejada 2009; Štrumbelj & Kononenko 2014). Each walk ends at the row, so the parts add up
to the probability. Each order is also walked backwards (antithetic sampling), the seed is fixed, and all steps are one
batch of bounded size: the same row has the same explanation.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml_pipeline.bundle.compiled.contributions import Feature
from ml_pipeline.bundle.explaining import Explanation, summed_up
from ml_pipeline.inputs import Row
from ml_pipeline.spec import InputField, TextInput

WORDS = 50  # parts of one text; in a longer one, runs of words are parts
WALKS = 8  # an even number: each order forwards and backwards
_SEED = 20_260_301
_WORD = re.compile(r"\S+")

METHOD = (
    f"Shapley values by permutation sampling, {WALKS} walks from golden samples without text to this row: an estimate. "
    "Baseline, contributions and rest add up to the probability."
)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in pieces: words with the number of their part, and the space between them, which is always there."""

    pieces: Sequence[tuple[str, int | None]]

    def with_parts(self, present: set[int]) -> str:
        return "".join(piece for piece, part in self.pieces if part is None or part in present)


def explain_by_asking(
    ask: Callable[[Sequence[Row]], Sequence[float]],
    row: Row,
    *,
    inputs: Mapping[str, InputField],
    samples: Sequence[Row],
    label: str,
    threshold: float | None,
) -> Explanation:
    """The explanation of `row` by one call of `ask`, which gives the probability of `label` for each of its rows."""
    keys, texts = _parts(row, inputs)
    orders = list(_orders(len(keys)))
    starts = [samples[number % len(samples)] for number in range(WALKS)]
    steps = [
        step for order, start in zip(orders, starts, strict=True) for step in _walk(row, keys, texts, order, start)
    ]
    answers = ask([*steps, row])
    points = [0.0] * len(keys)
    length = len(keys) + 1
    for walk, order in enumerate(orders):
        seen = answers[walk * length : (walk + 1) * length]
        for part, before, after in zip(order, seen, seen[1:], strict=False):
            points[part] += (after - before) / WALKS
    baseline = sum(answers[: WALKS * length : length]) / WALKS
    return summed_up("permutation", METHOD, label, baseline, answers[-1], threshold, np.array(points), keys)


def _parts(row: Row, inputs: Mapping[str, InputField]) -> tuple[list[Feature], dict[str, _Text]]:
    """What can be put in its place by itself: each field of a table, each word of a text."""
    keys: list[Feature] = [Feature((name,), None) for name, field in inputs.items() if not isinstance(field, TextInput)]
    texts = {}
    for name, field in inputs.items():
        if isinstance(field, TextInput):
            terms, texts[name] = _taken_apart(str(row[name] or ""), first=len(keys))
            keys += [Feature((name,), term) for term in terms]
    return keys, texts


def _taken_apart(text: str, *, first: int) -> tuple[list[str], _Text]:
    """The terms of a text, whose parts are numbered from `first` on, and the text in pieces."""
    words = [word[0] for word in _WORD.finditer(text)]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    if len(numbers) <= WORDS:
        terms, part_of = list(numbers), [numbers[word] for word in words]
    else:
        length = -(-len(words) // WORDS)
        runs = [words[start : start + length] for start in range(0, len(words), length)]
        terms, part_of = [f"{run[0]} … {run[-1]}" for run in runs], [place // length for place in range(len(words))]
    spaces = _WORD.split(text)
    pieces: list[tuple[str, int | None]] = [(spaces[0], None)]
    for word, part, space in zip(words, part_of, spaces[1:], strict=True):
        pieces += [(word, first + part), (space, None)]
    return terms, _Text(pieces)


def _orders(count: int) -> Iterator[list[int]]:
    chance = random.Random(_SEED)  # noqa: S311 - an estimate, no secret
    for _ in range(WALKS // 2):
        order = list(range(count))
        chance.shuffle(order)
        yield order
        yield order[::-1]


def _walk(
    row: Row, keys: Sequence[Feature], texts: Mapping[str, _Text], order: Sequence[int], start: Row
) -> Iterator[Row]:
    """Rows from `start` without its texts to `row`, one part closer at each step."""
    present: set[int] = set()
    here: Row = {**start, **{name: text.with_parts(present) for name, text in texts.items()}}
    yield here
    for part in order:
        present.add(part)
        (name,), term = keys[part]
        here = {**here, name: texts[name].with_parts(present) if term else row[name]}
        yield here
