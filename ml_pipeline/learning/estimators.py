"""The allow-list of estimators: what a spec may name, and how it is built.

Linear models come first for a reason: over n-grams they answer in microseconds once compiled, and their weights can be
read by a person.
"""

from collections.abc import Callable
from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from ml_pipeline.errors import InvalidSpec
from ml_pipeline.spec import Estimator

SEED = 20_260_301  # every random choice of a fit starts here: the same rows give the same bytes

FAMILIES: dict[str, Callable[..., ClassifierMixin]] = {
    "logistic_regression": LogisticRegression,
    "linear_svm": LinearSVC,
    "ridge": RidgeClassifier,
    "sgd": SGDClassifier,
    "linear_discriminant": LinearDiscriminantAnalysis,
    "multinomial_naive_bayes": MultinomialNB,
    "complement_naive_bayes": ComplementNB,
    "bernoulli_naive_bayes": BernoulliNB,
    "gaussian_naive_bayes": GaussianNB,
    "nearest_neighbors": KNeighborsClassifier,
    "decision_tree": DecisionTreeClassifier,
    "random_forest": RandomForestClassifier,
    "extra_trees": ExtraTreesClassifier,
    "ada_boost": AdaBoostClassifier,
    "gradient_boosting": GradientBoostingClassifier,
    "hist_gradient_boosting": HistGradientBoostingClassifier,
}
ENSEMBLES = {"voting", "stacking"}
# Search trees are compiled objects whose state skops would have to trust blindly.
_FIXED: dict[str, dict[str, str]] = {"nearest_neighbors": {"algorithm": "brute"}}


def build_estimator(declared: Estimator) -> Any:
    """An unfitted classifier with `predict_proba`; InvalidSpec names a parameter that scikit-learn refuses.

    That the family is allowed and the declaration complete is the spec's business.
    """
    estimator = _ensemble(declared) if declared.family in ENSEMBLES else _single(declared)
    if declared.calibration != "none":
        estimator = CalibratedClassifierCV(estimator, method=declared.calibration, ensemble=False, cv=5)
    if not hasattr(estimator, "predict_proba"):
        raise InvalidSpec(  # a family whose parameters decide: a support vector machine by gradient descent, for one
            f"{declared.family} with {declared.params} gives scores, not probabilities.",
            advice="Set `calibration: sigmoid` (or isotonic) in its estimator section.",
            details={"family": declared.family},
        )
    return estimator


def _single(declared: Estimator) -> Any:
    fixed = _FIXED.get(declared.family, {})
    if others := {name for name in fixed if declared.params.get(name, fixed[name]) != fixed[name]}:
        raise InvalidSpec(f"{declared.family} allows only {fixed}.", details={"parameters": sorted(others)})
    try:
        estimator: Any = FAMILIES[declared.family](**{**declared.params, **fixed})
        if "random_state" in estimator.get_params(deep=False):
            estimator.set_params(random_state=SEED)
        estimator._validate_params()
    except (TypeError, ValueError) as error:
        raise InvalidSpec(
            f"estimator.params of {declared.family} cannot be {declared.params}: {error}",
            details={"family": declared.family},
        ) from error
    return estimator


def _ensemble(declared: Estimator) -> Any:
    members = [(f"{index}_{member.family}", build_estimator(member)) for index, member in enumerate(declared.members)]
    try:
        if declared.family == "voting":
            weights = list(declared.weights) if declared.weights else None
            return VotingClassifier(members, voting="soft", weights=weights, **declared.params)
        final = LogisticRegression(random_state=SEED)
        return StackingClassifier(members, final_estimator=final, cv=5, **declared.params)
    except TypeError as error:
        raise InvalidSpec(f"estimator.params of {declared.family} cannot be {declared.params}: {error}") from error
