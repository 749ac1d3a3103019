"""The recipe of a model: fit the encoder, fit the estimator, tune the threshold. Stages and backtest share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from ml_pipeline.errors import InvalidSpec, NotEnoughData
from ml_pipeline.inputs import Row
from ml_pipeline.learning.decision import TunedThreshold, tune_threshold
from ml_pipeline.learning.encoding import Encoder, Matrix
from ml_pipeline.learning.estimators import SEED, build_estimator
from ml_pipeline.learning.metrics import Floats, Indices, Scored
from ml_pipeline.spec import Decision, Estimator, Features, Target


@dataclass(frozen=True)
class FittedRecipe:
    """What a recipe learned from some rows."""

    encoder: Encoder
    estimator: Any
    tuned: TunedThreshold | None

    @property
    def threshold(self) -> float | None:
        return None if self.tuned is None else self.tuned.threshold

    def score(self, cleaned: Sequence[Row], labels: Indices) -> Scored:
        """Decisions and probabilities for cleaned rows."""
        probabilities = np.asarray(self.estimator.predict_proba(self.encoder.transform(cleaned)), dtype=np.float64)
        return Scored(labels, decide(probabilities, self.threshold), probabilities)


def fit_recipe(
    cleaned: Sequence[Row],
    labels: Indices,
    *,
    cleaning: Mapping[str, Sequence[str]],
    features: Features,
    estimator: Estimator,
    decision: Decision,
    target: Target,
) -> FittedRecipe:
    """All steps at once, on cleaned rows."""
    encoder = Encoder(features.blocks, cleaning)
    matrix = encoder.fit_transform(cleaned)
    return FittedRecipe(
        encoder,
        fit_estimator(matrix, labels, estimator=estimator),
        tune(matrix, labels, estimator=estimator, decision=decision, target=target),
    )


def fit_estimator(matrix: Matrix, labels: Indices, *, estimator: Estimator) -> Any:
    """The declared estimator, fitted."""
    return _fitted(build_estimator(estimator), matrix, labels, estimator.family)


def tune(
    matrix: Matrix, labels: Indices, *, estimator: Estimator, decision: Decision, target: Target
) -> TunedThreshold | None:
    """The tuned threshold of a binary model; a multi-class one has none and decides for the likeliest label."""
    if not target.is_binary:
        return None
    probabilities = out_of_fold(matrix, labels, estimator=estimator, folds=decision.folds)
    return tune_threshold(labels, probabilities[:, 1], decision)


def out_of_fold(matrix: Matrix, labels: Indices, *, estimator: Estimator, folds: int) -> Floats:
    """Probabilities of each row (rows × classes) by an estimator that was fitted without the row's fold.

    Folds are stratified and always the same. Vocabulary and scales come from all of these rows: they hold no label.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < folds:
        raise NotEnoughData(
            f"{folds} folds need at least {folds} training rows of each label; the rarest has {counts.min()}.",
            advice="Bring more documents, or set a smaller `decision.folds`.",
        )
    unfitted = build_estimator(estimator)
    probabilities = np.empty((len(labels), len(classes)))
    for training, left_out in StratifiedKFold(folds, shuffle=True, random_state=SEED).split(labels, labels):
        fitted = _fitted(clone(unfitted), matrix[training], labels[training], estimator.family)
        probabilities[left_out] = fitted.predict_proba(matrix[left_out])
    return probabilities


def decide(probabilities: Floats, threshold: float | None) -> Indices:
    """Class indices: positive from the threshold on, or the likeliest class where there is no threshold."""
    if threshold is None:
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
    return np.asarray(probabilities[:, 1] >= threshold, dtype=np.int64)


def _fitted(estimator: Any, matrix: Matrix, labels: Indices, family: str) -> Any:
    try:
        return estimator.fit(matrix, labels)
    except (TypeError, ValueError) as error:
        raise InvalidSpec(
            f"{family} cannot be fitted to these features: {error}",
            advice="Choose another family, or other features.",
            details={"family": family},
        ) from error
