"""What a search may choose: estimator families that suit the inputs, and settings of the declared feature blocks."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ml_pipeline.spec import FeatureBlock, ModelSpec

Choice = tuple[dict[str, Any], dict[str, Any]]  # the `features` and the `estimator` section


class Trial(Protocol):
    """The part of `optuna.Trial` that is used here."""

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...


def families_for(spec: ModelSpec) -> list[str]:
    """Linear models, naive Bayes and votes of the two over n-grams, which answer in microseconds once compiled; boosted
    trees and forests over tables.

    Naive Bayes counts, so it needs every block to be n-grams.
    """
    kinds = {block.kind for block in spec.features.blocks}
    if not any(kind.endswith("ngrams") for kind in kinds):
        return ["logistic_regression", "hist_gradient_boosting", "random_forest"]
    counted = ["multinomial_naive_bayes", "voting"] if all(kind.endswith("ngrams") for kind in kinds) else []
    return ["logistic_regression", "ridge", "linear_svm", *counted]


def suggest(trial: Trial, spec: ModelSpec, families: list[str]) -> Choice:
    """The sections of one candidate. A family's parameters carry its name, so that the sampler learns them apart."""
    family = trial.suggest_categorical("family", families)
    blocks = [_block(trial, number, block, family) for number, block in enumerate(spec.features.blocks)]
    return {"blocks": blocks}, _estimator(trial, family)


def _block(trial: Trial, number: int, block: FeatureBlock, family: str) -> dict[str, Any]:
    """The declared block with other parameters; what is not searched stays as declared."""
    params = dict(block.params)
    if block.kind == "word_ngrams":
        params |= {
            "ngrams": [1, trial.suggest_int(f"{number}.longest_ngram", 1, 2)],
            "min_df": trial.suggest_int(f"{number}.min_df", 2, 5),  # one text alone teaches little and fills memory
            "sublinear_tf": trial.suggest_categorical(f"{number}.sublinear_tf", [True, False]),
        }
    elif block.kind == "char_ngrams":
        params |= {
            "ngrams": [
                trial.suggest_int(f"{number}.shortest_ngram", 2, 4),
                trial.suggest_int(f"{number}.longest_ngram", 4, 5),
            ],
            "min_df": trial.suggest_int(f"{number}.min_df", 2, 6),
        }
    elif block.kind == "numeric":
        params = _numeric(trial, number, params, family)
    return {"kind": block.kind, "columns": list(block.columns), **({"params": params} if params else {})}


def _numeric(trial: Trial, number: int, params: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Splines bend what a linear model cannot; trees bend by themselves and read missing values as they are."""
    kept = {key: value for key, value in params.items() if key not in ("splines", "impute", "missing_indicator")}
    if family == "hist_gradient_boosting":
        return {**kept, "impute": "none"}
    kept |= {"impute": "median", "missing_indicator": trial.suggest_categorical(f"{number}.indicator", [True, False])}
    knots = trial.suggest_int(f"{number}.knots", 2, 7) if family == "logistic_regression" else 2
    if knots > 2:  # two knots of degree 1 are the straight line itself
        kept["splines"] = {"n_knots": knots, "degree": 1, "knots": "quantile", "extrapolation": "constant"}
        kept["missing_indicator"] = False  # an indicator has no quantiles to place knots at
    return kept


def _estimator(trial: Trial, family: str, name: str | None = None) -> dict[str, Any]:
    """The `estimator` section of `family`; `name` is what its parameters are called in the trial."""
    return {"family": family, **_ESTIMATORS[family](trial, name or family)}


def _voting(trial: Trial, name: str) -> dict[str, Any]:
    """The mean of a linear model and naive Bayes: they err on different texts."""
    linear = trial.suggest_categorical(f"{name}.linear", ["logistic_regression", "ridge"])
    members = [linear, "multinomial_naive_bayes"]
    return {"members": [_estimator(trial, member, f"{name}.{member}") for member in members]}


def _logistic_regression(trial: Trial, name: str) -> dict[str, Any]:
    return {"params": {"C": _rounded(trial.suggest_float(f"{name}.C", 0.01, 30.0, log=True)), "max_iter": 2000}}


def _ridge(trial: Trial, name: str) -> dict[str, Any]:
    alpha = _rounded(trial.suggest_float(f"{name}.alpha", 0.02, 10.0, log=True))
    return {"params": {"alpha": alpha}, "calibration": "sigmoid"}


def _linear_svm(trial: Trial, name: str) -> dict[str, Any]:
    strength = _rounded(trial.suggest_float(f"{name}.C", 0.02, 10.0, log=True))
    return {"params": {"C": strength}, "calibration": "sigmoid"}


def _multinomial_naive_bayes(trial: Trial, name: str) -> dict[str, Any]:
    return {"params": {"alpha": _rounded(trial.suggest_float(f"{name}.alpha", 0.005, 3.0, log=True))}}


def _hist_gradient_boosting(trial: Trial, name: str) -> dict[str, Any]:
    return {
        "params": {
            "learning_rate": _rounded(trial.suggest_float(f"{name}.learning_rate", 0.02, 0.3, log=True)),
            "max_iter": trial.suggest_int(f"{name}.max_iter", 50, 300, log=True),
            "max_leaf_nodes": trial.suggest_int(f"{name}.max_leaf_nodes", 4, 31, log=True),
            "l2_regularization": _rounded(trial.suggest_float(f"{name}.l2_regularization", 0.01, 30.0, log=True)),
        }
    }


def _random_forest(trial: Trial, name: str) -> dict[str, Any]:
    return {
        "params": {
            "n_estimators": trial.suggest_int(f"{name}.n_estimators", 50, 300, log=True),
            "min_samples_leaf": trial.suggest_int(f"{name}.min_samples_leaf", 1, 20, log=True),
            "max_features": trial.suggest_categorical(f"{name}.max_features", ["sqrt", 0.5]),
        }
    }


def _rounded(value: float) -> float:
    """Three significant digits: what a person would write into `params.yaml`, and no less good."""
    return float(f"{value:.3g}")


_ESTIMATORS: dict[str, Callable[[Trial, str], dict[str, Any]]] = {
    "logistic_regression": _logistic_regression,
    "ridge": _ridge,
    "linear_svm": _linear_svm,
    "multinomial_naive_bayes": _multinomial_naive_bayes,
    "voting": _voting,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "random_forest": _random_forest,
}
