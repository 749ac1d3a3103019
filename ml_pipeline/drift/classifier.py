"""The domain classifier: how well a model tells the window's rows from the reference's, as ROC AUC over folds.

0.5: not at all (Lopez-Paz & Oquab 2017, classifier two-sample tests; Rabanser, Günnemann & Lipton 2019 compare it with
others). It sees what no single field shows. Rows that are equal to it share a fold: a window repeats rows, and a
classifier that met them in training would know them by heart.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse, stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ml_pipeline.canonical import sha256_hex
from ml_pipeline.drift.samples import compared, effective_rows, row_keys, spread
from ml_pipeline.drift.texts import TEXT_ROWS, words_of
from ml_pipeline.inputs import Row
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.learning.values import as_word
from ml_pipeline.spec import InputField

CHANCE = 0.5  # the area of a classifier that found nothing
FOLDS = 5
_SPLITS = 20
_COLUMNS = 2**16


class DomainClassifier:
    """Prepared on the reference: rows become features once, and what chance gives is measured on halves of it.

    Models with a text are told apart by words (hashed TF-IDF, logistic regression), tables by boosted trees. Moments
    are left out: they move on by themselves.
    """

    def __init__(self, inputs: Mapping[str, InputField], reference: Sequence[Row]) -> None:
        self._inputs = {name: inputs[name] for name in compared(inputs)}
        self._is_text = any(field.type == "text" for field in self._inputs.values())
        self._codes = {} if self._is_text else _codes(self._inputs, reference)
        kept = [reference[place] for place in spread(len(reference), TEXT_ROWS)]
        self._keys = self._keys_of(reference)
        self._reference, self._folds = self._features(kept), _folds(self._keys_of(kept))
        self._deviation: float | None = None

    @property
    def useful(self) -> bool:
        """Whether there is anything to tell rows apart by, and enough of them for folds."""
        return bool(self._inputs) and self._reference.shape[0] >= 10 * FOLDS

    def auc(self, window: Sequence[Row]) -> float:
        """Of these rows against the reference, at least 0.5: a classifier that is worse than chance found nothing."""
        kept = [window[place] for place in spread(len(window), TEXT_ROWS)]
        folds = _folds(self._keys_of(kept))
        return max(CHANCE, self._measured(self._reference, self._folds, self._features(kept), folds))

    def effective_rows(self, window: Sequence[Row]) -> int:
        """As how many independent rows these count: to the classifier rows are the same that have the same features."""
        return effective_rows(self._keys_of(window), self._keys)

    def chance_bound(self, rows: int, *, false_alarms: float) -> float:
        """What `false_alarms` of undrifted windows of so many rows pass.

        The deviation on halves of the reference is carried over to these sizes: that of a Mann-Whitney statistic goes
        with the root of 1/m + 1/n. It comes from few halves, hence the quantile of Student's t.
        """
        own = self._reference.shape[0]
        if self._deviation is None:
            self._deviation = self._halves_deviation()
        scale = np.sqrt((1 / own + 1 / min(rows, TEXT_ROWS)) / (4 / own))
        return float(CHANCE + stats.t.ppf(1 - false_alarms, _SPLITS) * self._deviation * scale)

    def _halves_deviation(self) -> float:
        """The root mean square distance from 0.5 of halves of the reference, drawn without replacement."""
        generator = np.random.default_rng(0)
        found = []
        for _ in range(_SPLITS):
            first, second = np.array_split(generator.permutation(self._reference.shape[0]), 2)
            halves = (self._reference[first], self._folds[first], self._reference[second], self._folds[second])
            found.append(self._measured(*halves) - CHANCE)
        return float(np.sqrt(np.mean(np.square(found))))

    def _measured(self, reference: Any, reference_folds: Any, window: Any, window_folds: Any) -> float:
        features = sparse.vstack([reference, window], format="csr") if self._is_text else np.vstack([reference, window])
        if self._is_text:
            features = TfidfTransformer(sublinear_tf=True).fit_transform(features)
        domains = np.repeat([0, 1], [reference.shape[0], window.shape[0]])
        folds = np.concatenate([reference_folds, window_folds])
        values, weights = [], []
        with single_threaded():  # trees of a few hundred rows: threads would only wait for each other
            for fold in range(FOLDS):
                test = folds == fold
                if len(np.unique(domains[test])) == 2 and len(np.unique(domains[~test])) == 2:
                    fitted = self._model().fit(features[~test], domains[~test])
                    values.append(roc_auc_score(domains[test], fitted.predict_proba(features[test])[:, 1]))
                    weights.append(test.sum())
        return float(np.average(values, weights=weights)) if values else CHANCE

    def _model(self) -> Any:
        if self._is_text:
            return LogisticRegression(C=10.0, solver="liblinear", class_weight="balanced")
        return HistGradientBoostingClassifier(
            max_iter=40, max_leaf_nodes=8, l2_regularization=1.0, class_weight="balanced", random_state=0
        )

    def _keys_of(self, rows: Sequence[Row]) -> list[Hashable]:
        """The same for rows with the same features: beside texts these know no number, only whether it is there."""
        numbers = ("number", "integer") if self._is_text else ()
        return row_keys(rows, [name for name, field in self._inputs.items() if field.type not in numbers])

    def _features(self, rows: Sequence[Row]) -> Any:
        if self._is_text:
            hashed = HashingVectorizer(analyzer=self._tokens, n_features=_COLUMNS, alternate_sign=False, norm=None)
            return hashed.transform(rows)
        table = [[self._number(name, row[name]) for name in self._inputs] for row in rows]
        return np.array(table, dtype=np.float64).reshape(len(rows), len(self._inputs))

    def _tokens(self, row: Row) -> list[str]:
        """Words by field, and other values as one word each; of numbers only whether they are there."""
        tokens = []
        for name, field in self._inputs.items():
            value = row[name]
            if field.type == "text":
                tokens += [f"{name} {word}" for word in words_of(str(value or ""))]
            elif value is None or field.type in ("category", "boolean"):
                tokens.append(f"{name} {as_word(value)}")
        return tokens

    def _number(self, name: str, value: Any) -> float:
        if value is None:
            return np.nan
        return self._codes[name].get(as_word(value), -1.0) if name in self._codes else float(value)


def _codes(inputs: Mapping[str, InputField], rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """A number for each word of the reference."""
    return {
        name: {word: float(code) for code, word in enumerate(sorted({as_word(row[name]) for row in rows if row[name]}))}
        for name, field in inputs.items()
        if field.type == "category"
    }


def _folds(keys: Any) -> Any:
    """A fold for each key, the same for equal ones in every process."""
    return np.array([int(sha256_hex(repr(key).encode())[:8], 16) % FOLDS for key in keys], dtype=np.int64)
