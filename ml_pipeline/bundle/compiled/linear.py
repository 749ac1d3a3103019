"""Fitted linear classifiers as weights, intercepts and a link, read from the attributes that scikit-learn saved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled import links
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.links import Calibrator, Link
from ml_pipeline.bundle.compiled.reading import SavedObject

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Member:
    """`link(weights · features + intercepts)`; its share in a vote. `presence`: features count as 0 or 1."""

    weights: Floats  # scores × features
    intercepts: Floats
    link: Link
    share: float = 1.0
    gives_scores: bool = True  # has a decision function, which a calibration reads instead of the probabilities
    presence: bool = False


@dataclass(frozen=True, slots=True)
class Vote:
    """The mean of the members' probabilities by their shares; `finish` is what is done to it as a whole."""

    members: tuple[Member, ...]
    finish: Link | None = None


def read_vote(estimator: SavedObject, classes: int) -> Vote:
    """The estimator of a bundle with so many labels; NotCompilable where it is not linear."""
    if not np.array_equal(estimator["classes_"], np.arange(classes)):
        raise NotCompilable("it never saw one of its labels in training")
    if estimator.class_name == "VotingClassifier":
        return Vote(_voters(estimator, classes))
    if estimator.class_name == "CalibratedClassifierCV" and _calibrated(estimator)[0].class_name == "VotingClassifier":
        voting, calibrators = _calibrated(estimator)
        return Vote(_voters(voting, classes), links.calibrated(calibrators, lambda probabilities: list(probabilities)))
    return Vote((_member(estimator, classes),))


def _voters(voting: SavedObject, classes: int) -> tuple[Member, ...]:
    members = [_member(one, classes) for one in voting["estimators_"]]
    weights = voting["weights"] or [1.0] * len(members)
    return tuple(replace(member, share=weight / sum(weights)) for member, weight in zip(members, weights, strict=True))


def _member(estimator: SavedObject, classes: int) -> Member:
    if estimator.class_name == "CalibratedClassifierCV":
        base, calibrators = _calibrated(estimator)
        member = _member(base, classes)
        return replace(member, link=links.calibrated(calibrators, None if member.gives_scores else member.link))
    if estimator.class_name not in _FAMILIES:
        raise NotCompilable(f"{estimator.class_name} is not linear")
    return _FAMILIES[estimator.class_name](estimator, classes)


def _calibrated(estimator: SavedObject) -> tuple[SavedObject, list[Calibrator]]:
    fitted = estimator["calibrated_classifiers_"]
    if len(fitted) != 1:
        raise NotCompilable("its calibration is an ensemble of fits")
    return fitted[0]["estimator"], [_calibrator(one) for one in fitted[0]["calibrators"]]


def _calibrator(saved: SavedObject) -> Calibrator:
    if saved.class_name == "_SigmoidCalibration":
        return links.sigmoid_calibrator(float(saved["a_"]), float(saved["b_"]))
    if saved.class_name == "IsotonicRegression" and saved["out_of_bounds"] == "clip":
        thresholds, values = saved["X_thresholds_"], saved["y_thresholds_"]
        if thresholds.dtype == np.float64:
            return links.isotonic_calibrator(thresholds.tolist(), values.tolist())
    raise NotCompilable(f"its calibration by {saved.class_name} is not known here")


def _logistic_regression(estimator: SavedObject, classes: int) -> Member:
    return _by_coefficients(estimator, links.binary_logistic if classes == 2 else links.softmax)


def _scores_alone(estimator: SavedObject, _: int) -> Member:
    def no_probabilities(_: Sequence[float]) -> list[float]:
        raise NotCompilable(f"{estimator.class_name} gives no probabilities")

    return _by_coefficients(estimator, no_probabilities)


def _gradient_descent(estimator: SavedObject, classes: int) -> Member:
    match estimator["loss"]:
        case "log_loss":
            return _by_coefficients(estimator, links.binary_logistic if classes == 2 else links.one_against_rest)
        case "modified_huber":
            return _by_coefficients(estimator, links.modified_huber)
        case _:
            return _scores_alone(estimator, classes)


def _by_coefficients(estimator: SavedObject, link: Link) -> Member:
    weights = np.atleast_2d(np.asarray(estimator["coef_"], dtype=np.float64))
    intercepts = np.asarray(estimator["intercept_"], dtype=np.float64).ravel()
    return Member(weights, np.broadcast_to(intercepts, len(weights)), link)


def _multinomial(estimator: SavedObject, _: int) -> Member:
    return _bayes(estimator["feature_log_prob_"], estimator["class_log_prior_"])


def _complement(estimator: SavedObject, classes: int) -> Member:
    return _bayes(estimator["feature_log_prob_"], np.zeros(classes))


def _bernoulli(estimator: SavedObject, _: int) -> Member:
    if estimator["binarize"] != 0:
        raise NotCompilable("BernoulliNB is linear only in features that are present or absent (`binarize: 0.0`)")
    present = estimator["feature_log_prob_"]
    absent = np.log(1 - np.exp(present))
    return replace(_bayes(present - absent, estimator["class_log_prior_"] + absent.sum(axis=1)), presence=True)


def _bayes(weights: Floats, priors: Floats) -> Member:
    """Joint log-likelihoods; with two classes their difference, which is the log-odds of the positive one."""
    if len(weights) != 2:
        return Member(weights, priors, links.softmax, gives_scores=False)
    return Member(weights[1:] - weights[:1], priors[1:] - priors[:1], links.binary_logistic, gives_scores=False)


_FAMILIES: dict[str, Callable[[SavedObject, int], Member]] = {
    "LogisticRegression": _logistic_regression,
    "LinearDiscriminantAnalysis": _logistic_regression,
    "LinearSVC": _scores_alone,
    "RidgeClassifier": _scores_alone,
    "SGDClassifier": _gradient_descent,
    "MultinomialNB": _multinomial,
    "ComplementNB": _complement,
    "BernoulliNB": _bernoulli,
}
