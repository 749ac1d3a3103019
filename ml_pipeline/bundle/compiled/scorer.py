"""A compiled model: sums of plain floats, from a checked row to the probabilities of its labels."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.contributions import Contribution, MemberContributions
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.linear import Member, Vote, read_vote
from ml_pipeline.bundle.compiled.links import Link
from ml_pipeline.bundle.compiled.ngrams import NgramScorer, Terms
from ml_pipeline.bundle.compiled.reading import read_skops
from ml_pipeline.bundle.compiled.tables import Column, WordColumn, compile_table, features_of
from ml_pipeline.inputs import Row
from ml_pipeline.learning.row_cleaning import clean_row
from ml_pipeline.spec import FeatureBlock, Features

Floats = NDArray[np.float64]


def compile_scorer(
    model: bytes, features: Features, cleaning: Mapping[str, Sequence[str]], labels: Sequence[str]
) -> "CompiledScorer":
    """The scorer of a bundle's model file; NotCompilable says why there is none."""
    try:
        fitted = read_skops(model)
        vote = read_vote(fitted["estimator"], len(labels))
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
        self._words = [column for column in self._columns if isinstance(column, WordColumn)]
        self._probabilities(self._intercepts)  # a member that gives no probabilities says so now

    def probabilities(self, rows: Sequence[Row]) -> list[list[float]]:
        """One line a row, one probability a label."""
        return [self._probabilities(self._scores(self._read(row))) for row in rows]

    def unknown(self, row: Row) -> list[str]:
        """Category fields whose word was never seen in training."""
        return [column.field for column in self._words if not column.knows(row[column.field])]

    def contributions(self, row: Row) -> tuple[list[float], list[MemberContributions]]:
        """The row's probabilities, and what each feature added to each member's score of one label.

        That is the positive label, or of several the likeliest. The row is read once for both.
        """
        read = self._read(row)
        scores = self._scores(read)
        means = self._means(scores)
        line = self._finished(means)
        label = 1 if len(self._labels) == 2 else _likeliest(line)
        return line, [
            MemberContributions(
                label=self._labels[label],
                weight=member.share,
                baseline=self._intercepts[own.start + place],
                score=scores[own.start + place],
                contributions=self._contributed(read, own.start + place),
                to_probability=_probability(member.link, scores[own], place, label),
                finish=_probability(self._finished, means, label, label),
            )
            for member, own in self._members
            for place in (0 if own.stop - own.start == 1 else label,)
        ]

    def _contributed(self, read: "_Read", score: int) -> list[Contribution]:
        found = [
            one
            for block, terms in zip(self._ngrams, read.terms, strict=True)
            for one in block.contributions(terms, score)
        ]
        return found + [
            Contribution((column.field,), None, values[score])
            for column, values in zip(self._columns, read.values, strict=True)
        ]

    def _add_blocks(self, vote: Vote, blocks: Sequence[FeatureBlock], states: Sequence[Any]) -> None:
        """Give each block its columns of the members' weights."""
        weights = np.vstack([member.weights for member in vote.members])
        presence = [member.presence for member in vote.members for _ in member.intercepts]
        first = 0
        for block, state in zip(blocks, states, strict=True):
            if block.kind.endswith("ngrams"):
                terms = json.loads(state["vocabulary"].tobytes())
                own = weights[:, first : first + len(terms)]
                self._ngrams.append(NgramScorer(block, terms, np.asarray(state["idf"]), own, presence))
            else:
                if any(presence):
                    raise NotCompilable("BernoulliNB over a table")
                own = weights[:, first : first + features_of(block, state)]
                self._columns += compile_table(block, state, own)
            first += own.shape[1]
        if first != weights.shape[1]:
            raise NotCompilable(f"its blocks give {first} features, its estimator takes {weights.shape[1]}")

    def _read(self, row: Row) -> "_Read":
        row = clean_row(row, self._cleaning)
        return _Read(
            [block.find(row) for block in self._ngrams],
            [column.of(row[column.field]) for column in self._columns],
        )

    def _scores(self, read: "_Read") -> list[float]:
        """The members' linear scores, one after the other."""
        parts = [block.scores(terms) for block, terms in zip(self._ngrams, read.terms, strict=True)]
        return [sum(score) for score in zip(self._intercepts, *parts, *read.values, strict=True)]

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
    """A row as the blocks see it: its known n-grams, and what each column adds to each score."""

    terms: list[Terms]
    values: list[Sequence[float]]


def _members(vote: Vote) -> list[tuple[Member, slice]]:
    """Each member with its scores' place among all of them."""
    ends = list(accumulate(len(member.intercepts) for member in vote.members))
    return [(member, slice(end - len(member.intercepts), end)) for member, end in zip(vote.members, ends, strict=True)]


def _probability(link: Link, values: Sequence[float], place: int, label: int) -> Callable[[float], float]:
    """The label's probability as a function of one of the values, the others as they are."""
    return lambda value: link([*values[:place], value, *values[place + 1 :]])[label]


def _likeliest(probabilities: Sequence[float]) -> int:
    return max(range(len(probabilities)), key=probabilities.__getitem__)
