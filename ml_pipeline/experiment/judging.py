"""How good a recipe is on training rows alone: cross-validated, its threshold never tuned on rows that it is judged on.

Near-duplicate texts stay in one fold: a recipe is not rewarded for recognising a copy. Each fold's decisions take the
threshold that is best for the declared objective on the *other* folds' out-of-fold probabilities. Vocabulary and scales
come from all training rows, as in the pipeline: they hold no label.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold

from ml_pipeline.inputs import Row
from ml_pipeline.learning.decision import tune_threshold
from ml_pipeline.learning.encoding import Encoder, Matrix
from ml_pipeline.learning.estimators import SEED, build_estimator
from ml_pipeline.learning.metrics import Costs, Floats, Indices, Scored, metric_values
from ml_pipeline.learning.near_duplicates import ShingledTexts
from ml_pipeline.learning.recipe import decide
from ml_pipeline.spec import Decision, ModelSpec

_TIMED_ROWS = 40
_JUDGED_ROWS = 6_000
_MOST_ROUNDS = 5
_METRICS = ("accuracy", "f1", "precision", "recall", "roc_auc", "expected_cost")
OnFold = Callable[[int, float], None]
Measure = tuple[float, float]  # mean and standard deviation over all folds


@dataclass(frozen=True)
class Judgement:
    """What a recipe gave. `row_milliseconds` is the median time of one row, from inputs to probability."""

    metrics: dict[str, Measure]
    fit_seconds: float
    row_milliseconds: float


@dataclass(frozen=True)
class TrainingRows:
    """Cleaned rows with their labels. Rows of one group stand in one fold."""

    rows: Sequence[Row]
    labels: Indices
    groups: Indices

    @classmethod
    def grouped(cls, rows: Sequence[Row], labels: Indices, spec: ModelSpec) -> Self:
        """Near-duplicate texts as one group, as the split keeps them on one side; a row without text stands alone."""
        texts = [name for name, field in spec.inputs.items() if field.type == "text"]
        if not texts:
            return cls(rows, labels, np.arange(len(rows)))
        shingled = ShingledTexts(["\n".join(str(row[name] or "") for name in texts) for row in rows])
        return cls(rows, labels, np.array(shingled.groups(spec.split.near_duplicate_similarity)))


def objective_metric(decision: Decision) -> str:
    return "expected_cost" if decision.objective == "cost" else decision.objective


def ignore_fold(_number: int, _value: float) -> None:
    """An early estimate that nobody waits for."""


def judge(spec: ModelSpec, training: TrainingRows, *, on_fold: OnFold = ignore_fold) -> Judgement:
    """Cross-validate `spec`'s features and estimator.

    `on_fold(number, value)` hears an early, slightly optimistic estimate of the objective after each fold of the first
    round but its last, and may raise to give up. UnreachableRequirement where no threshold meets the requirements.
    """
    started = time.perf_counter()
    encoder = Encoder(spec.features.blocks, spec.cleaning)
    matrix = encoder.fit_transform(training.rows)
    encoded = time.perf_counter() - started
    by_fold = [
        values
        for number in range(_rounds(len(training.rows)))
        for values in _round(spec, matrix, training, number, ignore_fold if number else on_fold)
    ]
    started = time.perf_counter()
    estimator = build_estimator(spec.estimator).fit(matrix, training.labels)
    fit_seconds = encoded + time.perf_counter() - started
    metrics = {name: _spread([values[name] for values in by_fold]) for name in _METRICS}
    return Judgement(metrics, fit_seconds, _row_milliseconds(encoder, estimator, training.rows))


def _rounds(rows: int) -> int:
    """Few rows are cross-validated several times, each time in other folds: one division of them decides too much."""
    return max(1, min(_MOST_ROUNDS, _JUDGED_ROWS // rows))


def _round(
    spec: ModelSpec, matrix: Matrix, training: TrainingRows, number: int, on_fold: OnFold
) -> list[dict[str, float]]:
    """One cross-validation: the metrics of each fold."""
    probabilities, folds = _out_of_fold(spec, matrix, training, number, on_fold)
    return [_measured(spec, training.labels, probabilities, left_out) for left_out in folds]


def _out_of_fold(
    spec: ModelSpec, matrix: Matrix, training: TrainingRows, number: int, on_fold: OnFold
) -> tuple[Floats, list[Indices]]:
    """Each row's probabilities by an estimator that never saw its fold, and the rows of each fold."""
    labels = training.labels
    unfitted, count = build_estimator(spec.estimator), spec.decision.folds
    probabilities = np.empty((len(labels), len(spec.target.classes)))
    folds: list[Indices] = []
    folding = StratifiedGroupKFold(count, shuffle=True, random_state=SEED + number)
    splits = folding.split(labels, labels, training.groups)
    for fold, (fitted_on, left_out) in enumerate(splits, start=1):
        fitted = clone(unfitted).fit(matrix[fitted_on], labels[fitted_on])
        probabilities[left_out] = fitted.predict_proba(matrix[left_out])
        folds.append(left_out)
        if 1 < fold < count:
            seen = np.concatenate(folds)
            on_fold(fold, _values(spec, labels[seen], probabilities[seen], tuned_on=slice(None)))
    return probabilities, folds


def _values(spec: ModelSpec, labels: Indices, probabilities: Floats, *, tuned_on: slice) -> float:
    threshold = _threshold(spec, labels[tuned_on], probabilities[tuned_on])
    scored = Scored(labels, decide(probabilities, threshold), probabilities)
    return metric_values(scored, Costs.of(spec.decision))[objective_metric(spec.decision)]


def _measured(spec: ModelSpec, labels: Indices, probabilities: Floats, left_out: Indices) -> dict[str, float]:
    others = np.ones(len(labels), dtype=bool)
    others[left_out] = False
    threshold = _threshold(spec, labels[others], probabilities[others])
    scored = Scored(labels[left_out], decide(probabilities[left_out], threshold), probabilities[left_out])
    return metric_values(scored, Costs.of(spec.decision))


def _threshold(spec: ModelSpec, labels: Indices, probabilities: Floats) -> float | None:
    if not spec.target.is_binary:
        return None
    return tune_threshold(labels, probabilities[:, 1], spec.decision).threshold


def _spread(values: Sequence[float]) -> Measure:
    return statistics.fmean(values), statistics.stdev(values)


def _row_milliseconds(encoder: Encoder, estimator: Any, rows: Sequence[Row]) -> float:
    """The median over some rows, one at a time. Compiled serving may be faster; the order of families stays."""
    times = []
    for row in rows[:_TIMED_ROWS]:
        started = time.perf_counter()
        estimator.predict_proba(encoder.transform([row]))
        times.append(time.perf_counter() - started)
    return 1_000 * statistics.median(times)
