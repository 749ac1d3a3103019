"""The same rows through two bundles: which decisions differ, what the difference costs, how long an answer takes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from ml_pipeline.bundle.model_bundle import Answer, ModelBundle
from ml_pipeline.bundle.scoring import by_class
from ml_pipeline.errors import InvalidInputs
from ml_pipeline.inputs import Row
from ml_pipeline.learning.bootstrap import Interval, mean_interval
from ml_pipeline.learning.metrics import Costs, Floats

Rows = Sequence[Mapping[str, Any]]

_BATCH = 50


@dataclass(frozen=True)
class Pair:
    """Both answers to one row; `row` is its place among the rows that were asked."""

    row: int
    candidate: Answer
    champion: Answer

    @property
    def flips(self) -> bool:
        return self.candidate.label != self.champion.label


@dataclass
class Refusals:
    """How many rows a bundle refused, and how often because of which input."""

    rows: int = 0
    fields: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Replay:
    """Pairs of answers to the rows that both bundles take, and what each of them refused."""

    pairs: list[Pair]
    candidate: Refusals
    champion: Refusals


def replay(
    candidate: ModelBundle,
    champion: ModelBundle,
    rows: Rows,
    champion_rows: Rows,
    *,
    on_done: Callable[[int], None] = lambda _: None,
) -> Replay:
    """Answer the same questions through both bundles, each in the words that it is asked in (as many of both).

    `on_done` is told how many are done.
    """
    found = Replay([], Refusals(), Refusals())
    for start in range(0, len(rows), _BATCH):
        batch = slice(start, start + _BATCH)
        mine = answers_of(candidate, rows[batch], found.candidate)
        theirs = answers_of(champion, champion_rows[batch], found.champion)
        for place, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            if one is not None and other is not None:
                found.pairs.append(Pair(start + place, one, other))
        on_done(start + len(mine))
    return found


def cost_difference(
    pairs: Sequence[Pair],
    truths: Sequence[str] | None,
    *,
    candidate: ModelBundle,
    champion: ModelBundle,
    costs: Costs,
    draws: int,
) -> Interval | None:
    """Candidate minus champion, in cost a decision, with its 95 % interval; None where the labels are not the same.

    With `truths` (the labels of the pairs) it is counted. Without, it is expected under the mean of both models'
    probabilities: where those are calibrated (Guo, Pleiss, Sun & Weinberger 2017, On Calibration of Modern Neural
    Networks), a probability says how often the label is right, which is what confidence-based performance estimation
    (CBPE, as in NannyML) builds on. The mean favours neither model.
    """
    classes = champion.labels
    if set(candidate.labels) != set(classes):
        return None
    price = _prices(classes, costs)
    mine = np.array([classes.index(pair.candidate.label) for pair in pairs], dtype=np.int64)
    theirs = np.array([classes.index(pair.champion.label) for pair in pairs], dtype=np.int64)
    if truths is None:
        beliefs = np.array([_belief(pair, candidate, champion) for pair in pairs]).reshape(len(pairs), len(classes))
    else:
        beliefs = np.eye(len(classes))[[classes.index(truth) for truth in truths]]
    return mean_interval(((price[mine] - price[theirs]) * beliefs).sum(axis=1), draws=draws)


def answer_milliseconds(bundles: Sequence[ModelBundle], rows: Sequence[Sequence[Row]]) -> list[float]:
    """The median time of one row's answer for each bundle, in turn, so that a busy moment meets all of them.

    `rows` holds each bundle's own validated rows, as many of each.
    """
    taken: list[list[float]] = [[] for _ in bundles]
    for asked in zip(*rows, strict=True):
        for times, bundle, row in zip(taken, bundles, asked, strict=True):
            started = perf_counter()
            bundle.predict([row])
            times.append((perf_counter() - started) * 1_000)
    return [median(times) if times else 0.0 for times in taken]


def confidence(answer: Answer, labels: Sequence[str]) -> float:
    """How probable an answer's own label is by the model that gave it."""
    return by_class(answer, labels, labels)[list(labels).index(answer.label)]


def answers_of(bundle: ModelBundle, rows: Rows, refusals: Refusals) -> list[Answer | None]:
    """An answer a row, None for each that the bundle refuses; `refusals` is told which."""
    refused: set[int] = set()
    try:
        bundle.validate(rows)
    except InvalidInputs as error:
        for fault in error.details["rows"]:
            refused.add(fault["row"])
            refusals.fields.update({item["field"] for item in fault["errors"]})
    refusals.rows += len(refused)
    taken = bundle.validate([row for place, row in enumerate(rows) if place not in refused])
    answers = iter(bundle.predict(taken))
    return [None if place in refused else next(answers) for place in range(len(rows))]


def _prices(classes: Sequence[str], costs: Costs) -> Floats:
    """Decided × true class: what that decision costs. As the metrics count it: see `learning.metrics`."""
    if len(classes) == 2:
        return np.array([[0.0, costs.false_negative], [costs.false_positive, 0.0]])
    return 1.0 - np.eye(len(classes))


def _belief(pair: Pair, candidate: ModelBundle, champion: ModelBundle) -> Floats:
    classes = champion.labels
    mine = by_class(pair.candidate, candidate.labels, classes)
    return (np.array(mine) + by_class(pair.champion, champion.labels, classes)) / 2
