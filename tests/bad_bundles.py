"""Versions that pass every proof of an import and do harm all the same, of real scikit-learn parts.

Golden samples prove a few rows. A weight that diverged in training, of a word that none of them has, shows later.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ml_pipeline.learning.encoding import Encoder
from tests.bundles import BundleFiles, build_spoilt_bundle

WORD = "terrible"  # in no golden sample, and in one of the five texts of the drills
RAISES, NAN, SLOW, SWAPPED = "raises", "nan", "slow", "swapped"


@cache
def bad_bundle(kind: str) -> BundleFiles:
    """A version of `sentiment` that breaks on WORD, gives NaN on it, takes long, or says the opposite."""
    estimator, spoil = _KINDS[kind]
    return build_spoilt_bundle("sentiment", estimator=estimator, spoil=spoil)


def _infinite_weight(encoder: Encoder, _estimator: Any) -> None:
    """A text with it is refused by a check in the depths of scikit-learn: ValueError."""
    vectorizer = encoder.blocks[0]._vectorizer  # type: ignore[union-attr]
    vectorizer.idf_ = np.where(np.arange(len(vectorizer.idf_)) == _place(encoder), np.inf, vectorizer.idf_)


def _diverged_weight(encoder: Encoder, estimator: Any) -> None:
    estimator.coef_[0, _place(encoder)] = np.nan


def _opposite(_encoder: Encoder, estimator: Any) -> None:
    estimator.coef_, estimator.intercept_ = -estimator.coef_, -estimator.intercept_


def _as_it_is(_encoder: Encoder, _estimator: Any) -> None:
    """Nothing but too many trees."""


def _place(encoder: Encoder) -> int:
    return next(place for place, name in enumerate(encoder.names()) if WORD in name.split())


_LINEAR = {"family": "logistic_regression"}
_FOREST = {"family": "random_forest", "params": {"n_estimators": 400, "max_depth": 6}}
_KINDS: dict[str, tuple[dict[str, Any], Callable[[Encoder, Any], None]]] = {
    RAISES: ({"family": "decision_tree"}, _infinite_weight),
    NAN: (_LINEAR, _diverged_weight),
    SLOW: (_FOREST, _as_it_is),
    SWAPPED: (_LINEAR, _opposite),
}
