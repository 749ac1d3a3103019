"""How often undrifted windows alarm, and whether drifted ones do: `python -m benchmarks.drift_alarms [--draws 1000]`.

The pipeline must have run once. Reference: one half of a model's held-out rows; windows: draws with replacement from
the other half, of 500 and 5,000 rows (`--draws` each) and of 50,000 (a tenth as many). The halves are cut anew for
every tenth of the draws, so that no lucky cut decides; draws from one cut share its fate, which the interval does not
know. Drifted windows are 500 tweets each, answered by the sentiment model.

"""

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import beta

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.drift.evaluation import Evaluation, PreparedReference
from ml_pipeline.drift.performance import Reference, estimates
from ml_pipeline.drift.samples import Answers, Sample
from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.inputs import Row
from ml_pipeline.learning.metrics import Costs, Scored
from ml_pipeline.params import declared_models, load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import read_labelled
from ml_pipeline.scores import read_scores

SIZES = {500: 1.0, 5_000: 1.0, 50_000: 0.1}  # rows of a window → its share of the draws
CUTS = 10
TWEETS = PROJECT_ROOT / "data" / "tweets.jsonl.gz"


@dataclass
class Tally:
    """What the evaluations of one model and size came to."""

    draws: int = 0
    alarms: int = 0
    seconds: list[float] = field(default_factory=list)
    because: Counter[str] = field(default_factory=Counter)

    def count(self, found: Evaluation, seconds: float) -> None:
        self.draws += 1
        self.alarms += found.drifted
        self.seconds.append(seconds)
        self.because.update(f"{one.kind} {one.field}".strip() for one in found.statistics if one.alarms)

    def add(self, other: "Tally") -> None:
        self.draws += other.draws
        self.alarms += other.alarms
        self.seconds += other.seconds
        self.because += other.because


class HeldOut:
    """A trained model with its held-out rows and its answers to them."""

    def __init__(self, model: str) -> None:
        files = Artifacts(model)
        self.bundle = ModelBundle.load(files.bundle)
        self.rows: list[Row] = read_labelled(files.held_out_rows, fields=self.bundle.inputs).rows
        self.scored: Scored = read_scores(files.scores).candidate
        self.thresholds = load_spec(model).monitoring.thresholds.model_dump()

    def reference(self, places: np.ndarray) -> PreparedReference:
        return PreparedReference(self.bundle, [self.rows[place] for place in places], self.answered(places))

    def answered(self, places: np.ndarray) -> Reference:
        labels, binary = self.bundle.target.classes, self.bundle.target.is_binary
        return Reference.of_scores(self.scored.take(places), labels, binary=binary)


def undrifted(held_out: HeldOut, draws: int) -> Iterator[tuple[int, Tally]]:
    """A tally for each size."""
    cuts = [np.array_split(np.random.default_rng(cut).permutation(len(held_out.rows)), 2) for cut in range(CUTS)]
    references = [held_out.reference(first) for first, _ in cuts]
    for size, share in SIZES.items():
        tally = Tally()
        for cut, (reference, (_, other)) in enumerate(zip(references, cuts, strict=True)):
            generator = np.random.default_rng([cut, size])
            for _ in range(max(1, round(draws * share / CUTS))):
                places = other[generator.integers(len(other), size=size)]
                window = Sample([held_out.rows[place] for place in places], held_out.answered(places).answers)
                started = time.perf_counter()
                tally.count(reference.evaluate(window, held_out.thresholds), time.perf_counter() - started)
        yield size, tally


def told_apart(held_out: HeldOut) -> Tally:
    """Every 500 tweets in turn, against all held-out rows."""
    reference, tally = held_out.reference(np.arange(len(held_out.rows))), Tally()
    with gzip.open(TWEETS, "rt", encoding="utf-8") as lines:
        tweets = [json.loads(line) for line in lines]
    answers = _answers(held_out.bundle, [tweet["text"] for tweet in tweets])
    for start in range(0, len(tweets) - 499, 500):
        rows = [{"text": tweet["text"]} for tweet in tweets[start : start + 500]]
        window = Sample(held_out.bundle.validate(rows), answers.take(range(start, start + 500)))
        started = time.perf_counter()
        tally.count(reference.evaluate(window, held_out.thresholds), time.perf_counter() - started)
    _print_estimate(reference, answers, [tweet["rating"] for tweet in tweets])
    return tally


def _answers(bundle: ModelBundle, texts: list[str]) -> Answers:
    answers = bundle.predict(bundle.validate([{"text": text} for text in texts]))
    return Answers([one.label for one in answers], np.array([one.probability for one in answers]))


def _print_estimate(reference: PreparedReference, answers: Answers, ratings: list[float]) -> None:
    """Expected and true accuracy on the tweets that have a label."""
    known = [place for place, rating in enumerate(ratings) if rating]
    expected = estimates(reference.answers, answers.take(known), costs=Costs())[0]
    right = [answers.labels[place] == ("positive" if ratings[place] > 0 else "negative") for place in known]
    print(
        f"\nAccuracy: held out {expected.reference:.3f}; on {len(known)} tweets expected {expected.value:.3f} "
        f"({expected.low:.3f} to {expected.high:.3f}), true {np.mean(right):.3f}"
    )


def _print_line(model: str, size: str, tally: Tally) -> None:
    """Clopper & Pearson's exact 95 % interval."""
    low = beta.ppf(0.025, tally.alarms, tally.draws - tally.alarms + 1) if tally.alarms else 0.0
    high = beta.ppf(0.975, tally.alarms + 1, tally.draws - tally.alarms) if tally.alarms < tally.draws else 1.0
    median, slowest = np.median(tally.seconds), max(tally.seconds)
    print(
        f"| {model} | {size} | {tally.draws:,} | {tally.alarms} | {tally.alarms / tally.draws:.2%} "
        f"| {low:.2%} to {high:.2%} | {median:.2f} | {slowest:.1f} | {dict(tally.because) or ''} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="False and right alarms of drift evaluations.")
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--models", nargs="+", default=declared_models())
    asked = parser.parse_args()
    print("| Model | Rows | Draws | Alarms | Share | 95 % interval | Median s | Slowest s | Because of |")
    print("|---|---|---|---|---|---|---|---|---|")
    for model in asked.models:
        every = Tally()
        for size, tally in undrifted(HeldOut(model), asked.draws):
            _print_line(model, f"{size:,}", tally)
            every.add(tally)
        _print_line(model, "all", every)
    if "sentiment" in asked.models:
        _print_line("tweets", "500", told_apart(HeldOut("sentiment")))


if __name__ == "__main__":
    main()
