"""Every allow-listed family, calibration, ensemble and feature block, fitted on a few rows.

`python -m tests.ml_pipeline.bundle.fits` prints the hash of each skops file: the same in every process.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from ml_pipeline.bundle import skops_files
from ml_pipeline.canonical import sha256_hex
from ml_pipeline.inputs import Row
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.estimators import FAMILIES, build_estimator
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.spec import Estimator, FeatureBlock

SCORES_ALONE = {"linear_svm", "ridge"}
SMALL: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 3},
    "extra_trees": {"n_estimators": 3},
    "ada_boost": {"n_estimators": 3},
    "gradient_boosting": {"n_estimators": 3},
    "hist_gradient_boosting": {"max_iter": 3},
    "sgd": {"loss": "log_loss"},
    "logistic_regression": {"max_iter": 1000},
}
BLOCKS = {
    "words": FeatureBlock(kind="word_ngrams", columns=("text",), params={"ngrams": [1, 2], "sublinear_tf": True}),
    "characters": FeatureBlock(kind="char_ngrams", columns=("text",), params={"ngrams": [2, 3]}),
    "one_hot": FeatureBlock(kind="one_hot", columns=("colour", "paid"), params={"min_frequency": 3}),
    "ordinal": FeatureBlock(kind="ordinal", columns=("colour",)),
    "numeric": FeatureBlock(kind="numeric", columns=("size",), params={"missing_indicator": True}),
    "splines": FeatureBlock(kind="numeric", columns=("size",), params={"splines": {"n_knots": 4}}),
    "polynomial": FeatureBlock(kind="numeric", columns=("size",), params={"polynomial": {"degree": 2}}),
    "bins": FeatureBlock(kind="numeric", columns=("size",), params={"bins": {"n_bins": 3, "encode": "onehot-dense"}}),
    "raw": FeatureBlock(kind="numeric", columns=("size",), params={"impute": "none", "scale": False}),
    "boolean": FeatureBlock(kind="boolean", columns=("paid",)),
    "moments": FeatureBlock(kind="datetime_parts", columns=("at",), params={"parts": ["hour", "month"]}),
}


def declared() -> dict[str, Estimator]:
    """What a spec may name, in every way that it can be calibrated or combined."""
    plain = {
        family: Estimator(
            family=family, params=SMALL.get(family, {}), calibration="sigmoid" if family in SCORES_ALONE else "none"
        )
        for family in FAMILIES
    }
    pair = (plain["multinomial_naive_bayes"], plain["linear_svm"])
    return {
        **plain,
        "isotonic": plain["linear_svm"].model_copy(update={"calibration": "isotonic"}),
        "calibrated_boosting": plain["hist_gradient_boosting"].model_copy(update={"calibration": "sigmoid"}),
        "voting": Estimator(family="voting", members=pair, weights=(1.0, 2.0)),
        "stacking": Estimator(family="stacking", members=pair),
        "calibrated_voting": Estimator(family="voting", members=pair, calibration="isotonic"),
    }


def rows() -> list[Row]:
    """60 rows with every type of value, some missing."""
    generator = np.random.default_rng(1)
    words = ["good", "bad", "naïve", "façade", "plain", "very"]
    return [
        {
            "text": " ".join(generator.choice(words, size=6)),
            "colour": None if number % 11 == 0 else ["red", "blue", "green"][number % 3],
            "paid": None if number % 13 == 0 else number % 2 == 0,
            "size": None if number % 7 == 0 else float(generator.random()),
            "at": None if number % 17 == 0 else datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=31 * number),
        }
        for number in range(60)
    ]


def table(classes: int) -> tuple[Any, Any]:
    """Counts that every family can be fitted to, and their labels."""
    generator = np.random.default_rng(2)
    labels = np.arange(90) % classes
    return generator.poisson(2 + 2 * labels[:, None], size=(90, 5)).astype(float), labels


def fitted_estimators() -> Iterator[tuple[str, Any, Any]]:
    """Name, fitted estimator, and the table it was fitted to: each with two and with three labels."""
    for classes in (2, 3):
        matrix, labels = table(classes)
        for name, estimator in declared().items():
            yield f"{name} {classes}", build_estimator(estimator).fit(matrix, labels), matrix
        ngrams = csr_matrix(matrix)  # which this family keeps
        nearest = build_estimator(declared()["nearest_neighbors"]).fit(ngrams, labels)
        yield f"nearest_neighbors of n-grams {classes}", nearest, ngrams


def main() -> None:
    with single_threaded():
        for name, estimator, matrix in fitted_estimators():
            data = skops_files.dump(estimator)
            answers = skops_files.load(data).predict_proba(matrix).tobytes()
            sys.stdout.write(f"{name} {sha256_hex(data)} {sha256_hex(answers)}\n")
        for name, block in BLOCKS.items():
            encoder = Encoder([block], {}).fit(rows())
            sys.stdout.write(f"{name} {sha256_hex(skops_files.dump(encoder.state()))}\n")


if __name__ == "__main__":
    main()
