"""A compiled model: sums of weights, from a checked row to the probabilities of its labels."""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.contributions import Feature, MemberContributions, RowFeatures
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.linear import Member, Vote, read_vote
from ml_pipeline.bundle.compiled.links import Link, recalibrated
from ml_pipeline.bundle.compiled.ngrams import NgramBlock, NgramScorer, Terms, Weighing
from ml_pipeline.bundle.compiled.reading import read_skops
from ml_pipeline.bundle.compiled.tables import Column, WordColumn, compile_table, features_of
from ml_pipeline.inputs import Row
from ml_pipeline.learning.recalibration import Recalibration, in_turn
from ml_pipeline.learning.row_cleaning import clean_row
from ml_pipeline.spec import FeatureBlock, Features

Floats = NDArray[np.float64]

_SIGNS_AT_ONCE = 100_000  # of text in a pass: arrays of some MB, which still lie in a processor's cache


def compile_scorer(
    model: bytes,
    features: Features,
    cleaning: Mapping[str, Sequence[str]],
    labels: Sequence[str],
    recalibrations: Sequence[Recalibration] = (),
) -> "CompiledScorer":
    """The scorer of a bundle's model file; NotCompilable says why there is none."""
    try:
        fitted = read_skops(model)
        vote = read_vote(fitted["estimator"], len(labels))
        if recalibrations:
            vote = replace(vote, finish=recalibrated(in_turn(recalibrations), vote.finish))
        return CompiledScorer(vote, features.blocks, fitted["encoder"], cleaning, labels)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise NotCompilable(f"its model file reads otherwise than expected: {error!r}") from error


class CompiledScorer:
    """Immutable, safe to share between threads. Rows are checked ones, not yet cleaned."""

    def __init__(
        self,
        vote: Vote,
        blocks: Sequence[FeatureBlock],
        states: Sequence[Any],
        cleaning: Mapping[str, Sequence[str]],
        labels: Sequence[str],
    ) -> None:
        self._cleaning = {field: tuple(names) for field, names in cleaning.items()}
        self._labels = labels
        self._members = _members(vote)
        self._finish = vote.finish
        self._intercepts = [float(one) for member in vote.members for one in member.intercepts]
        self._ngrams: list[NgramScorer] = []
        self._columns: list[Column] = []
        self._add_blocks(vote, blocks, states)
        self._features = [Feature((column.field,), None) for column in self._columns]
        self._words = [column for column in self._columns if isinstance(column, WordColumn)]
        self._probabilities(self._intercepts)  # a member that gives no probabilities says so now

    def probabilities(self, rows: Sequence[Row]) -> list[list[float]]:
        """One line a row, one probability a label."""
        portions = [rows] if len(rows) == 1 else _portions(rows)
        return [self._probabilities(scores) for part in portions for scores in self._scores(self._read(part))]

    def unknown(self, row: Row) -> list[str]:
        """Category fields whose word was never seen in training."""
        return [column.field for column in self._words if not column.knows(row[column.field])]

    def contributions(self, row: Row) -> tuple[list[float], list[MemberContributions]]:
        """The row's probabilities, and what each feature added to each member's score of one label.

        That is the positive label, or of several the likeliest. The row is read once for both.
        """
        read = self._read([row])
        (scores,) = self._scores(read)
        means = self._means(scores)
        line = self._finished(means)
        label = 1 if len(self._labels) == 2 else _likeliest(line)
        values, features = self._taken_apart(read)
        return line, [
            MemberContributions(
                label=self._labels[label],
                weight=member.share,
                baseline=self._intercepts[own.start + place],
                score=scores[own.start + place],
                features=features,
                contributions=values[:, own.start + place],
                to_probability=_probability(member.link, scores[own], place, label),
                finish=_probability(self._finished, means, label, label),
            )
            for member, own in self._members
            for place in (0 if own.stop - own.start == 1 else label,)
        ]

    def _taken_apart(self, read: "_Read") -> tuple[Floats, RowFeatures]:
        """What each feature of the only row adds to each score (features × scores), and what they are."""
        values, blocks = [], []
        for scorer, terms in zip(self._ngrams, read.terms, strict=True):
            added, found = scorer.contributions(terms, read.rows[0])
            values.append(added)
            blocks += found
        if self._columns:
            values.append(np.array(read.values[0]))
        return np.concatenate(values), RowFeatures(blocks, self._features)

    def _add_blocks(self, vote: Vote, blocks: Sequence[FeatureBlock], states: Sequence[Any]) -> None:
        """Give each block its columns of the members' weights."""
        weights = np.vstack([member.weights for member in vote.members])
        presence = [member.presence for member in vote.members for _ in member.intercepts]
        alike: dict[Weighing, list[NgramBlock]] = {}
        first = 0
        for block, state in zip(blocks, states, strict=True):
            if block.kind.endswith("ngrams"):
                terms = json.loads(state["vocabulary"].tobytes())
                own = weights[:, first : first + len(terms)]
                found = NgramBlock(block, terms, np.asarray(state["idf"]), own)
                alike.setdefault(Weighing.of(block.params), []).append(found)
            else:
                if any(presence):
                    raise NotCompilable("BernoulliNB over a table")
                own = weights[:, first : first + features_of(block, state)]
                self._columns += compile_table(block, state, own)
            first += own.shape[1]
        if first != weights.shape[1]:
            raise NotCompilable(f"its blocks give {first} features, its estimator takes {weights.shape[1]}")
        self._ngrams = [NgramScorer(weighing, found, presence) for weighing, found in alike.items()]

    def _read(self, rows: Sequence[Row]) -> "_Read":
        rows = [clean_row(row, self._cleaning) for row in rows]
        return _Read(
            rows,
            [scorer.read(rows) for scorer in self._ngrams],
            [[column.of(row[column.field]) for column in self._columns] for row in rows],
        )

    def _scores(self, read: "_Read") -> list[list[float]]:
        """For each row the members' linear scores, one after the other."""
        parts = list(read.values)
        for scorer, terms in zip(self._ngrams, read.terms, strict=True):
            lines, blocks = scorer.scores(terms), scorer.blocks
            parts = [[*part, *lines[n * blocks : (n + 1) * blocks]] for n, part in enumerate(parts)]
        return [[sum(score) for score in zip(self._intercepts, *part, strict=True)] for part in parts]

    def _probabilities(self, scores: Sequence[float]) -> list[float]:
        return self._finished(self._means(scores))

    def _means(self, scores: Sequence[float]) -> list[float]:
        """The members' probabilities in the mean, by their shares."""
        if len(self._members) == 1:
            return self._members[0][0].link(scores)
        lines = [[member.share * one for one in member.link(scores[own])] for member, own in self._members]
        return [sum(shares) for shares in zip(*lines, strict=True)]

    def _finished(self, means: Sequence[float]) -> list[float]:
        return list(means) if self._finish is None else self._finish(means)


class _Read(NamedTuple):
    """Cleaned rows as the blocks see them: their n-grams, and what each column of a row adds to each score."""

    rows: Sequence[Row]
    terms: list[Terms]
    values: list[list[Sequence[float]]]


def _members(vote: Vote) -> list[tuple[Member, slice]]:
    """Each member with its scores' place among all of them."""
    ends = list(accumulate(len(member.intercepts) for member in vote.members))
    return [(member, slice(end - len(member.intercepts), end)) for member, end in zip(vote.members, ends, strict=True)]


def _probability(link: Link, values: Sequence[float], place: int, label: int) -> Callable[[float], float]:
    """The label's probability as a function of one of the values, the others as they are."""
    return lambda value: link([*values[:place], value, *values[place + 1 :]])[label]


def _likeliest(probabilities: Sequence[float]) -> int:
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows whose texts are read at once: a few, so that the arrays about them stay small whatever is asked."""
    start = signs = 0
    for number, row in enumerate(rows):
        signs += sum([len(value) for value in row.values() if isinstance(value, str)])
        if signs > _SIGNS_AT_ONCE:
            yield rows[start : number + 1]
            start, signs = number + 1, 0
    if start < len(rows):
        yield rows[start:]
