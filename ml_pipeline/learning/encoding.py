"""From rows to a feature matrix: declared blocks, each one fitted scikit-learn transformer, concatenated.

What is fitted is kept as plain arrays and scikit-learn objects (`Encoder.state`): a vocabulary of n-grams is one JSON
text in a byte array, because skops writes a node for every entry of a dict, which costs seconds at load.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import BSpline
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)

from ml_pipeline.canonical import canonical_json
from ml_pipeline.errors import InvalidSpec
from ml_pipeline.inputs import Row
from ml_pipeline.learning.row_cleaning import clean_rows
from ml_pipeline.learning.values import MOMENT_PARTS, as_number, as_word, moment_parts
from ml_pipeline.spec import FeatureBlock

Matrix: TypeAlias = "NDArray[np.float64] | sparse.csr_matrix"

_EXPANSIONS = {"splines": SplineTransformer, "polynomial": PolynomialFeatures, "bins": KBinsDiscretizer}
_WORD_KINDS = ("one_hot", "ordinal")


class NgramBlock:
    """TF-IDF of word or character n-grams over one or several text columns, joined by a line break."""

    def __init__(self, declared: FeatureBlock) -> None:
        self.declared = declared
        params = dict(declared.params)
        if "ngrams" in params:
            params["ngram_range"] = tuple(params.pop("ngrams"))
        params.setdefault("analyzer", "word" if declared.kind == "word_ngrams" else "char_wb")
        self._vectorizer = _constructed(TfidfVectorizer, params, declared.kind)

    def fit_transform(self, rows: Sequence[Row]) -> Matrix:
        return self._vectorizer.fit_transform(self._texts(rows))

    def transform(self, rows: Sequence[Row]) -> Matrix:
        return self._vectorizer.transform(self._texts(rows))

    def state(self) -> Any:
        vocabulary = canonical_json(self.names())
        return {"vocabulary": np.frombuffer(vocabulary, dtype=np.uint8), "idf": self._vectorizer.idf_}

    def restore(self, state: Any) -> None:
        terms = json.loads(state["vocabulary"].tobytes())
        self._vectorizer.vocabulary = {term: index for index, term in enumerate(terms)}
        self._vectorizer.idf_ = state["idf"]

    def names(self) -> list[str]:
        return self._vectorizer.get_feature_names_out().tolist()  # type: ignore[no-any-return]

    def _texts(self, rows: Sequence[Row]) -> list[str]:
        columns = self.declared.columns
        return ["\n".join(str(row[column] or "") for column in columns) for row in rows]


class TableBlock:
    """Words, numbers or moments as columns of a table, through one scikit-learn transformer."""

    def __init__(self, declared: FeatureBlock) -> None:
        self.declared = declared
        self._parts: tuple[str, ...] = ()
        params = dict(declared.params)
        if declared.kind in _WORD_KINDS:
            self._transformer: Any = _word_pipeline(params, declared.kind)
        else:
            self._parts = tuple(params.pop("parts", MOMENT_PARTS)) if declared.kind == "datetime_parts" else ()
            self._transformer = _number_pipeline(params, declared.kind)

    def fit_transform(self, rows: Sequence[Row]) -> Matrix:
        return np.asarray(self._transformer.fit_transform(self._table(rows)), dtype=np.float64)

    def transform(self, rows: Sequence[Row]) -> Matrix:
        return np.asarray(self._transformer.transform(self._table(rows)), dtype=np.float64)

    def state(self) -> Any:
        """The fitted steps by name; splines as arrays, because skops would need private SciPy types to load them."""
        return {name: _spline_state(step) if name == "splines" else step for name, step in self._transformer.steps}

    def restore(self, state: Any) -> None:
        for name, kept in state.items():
            if name == "splines":
                _restore_splines(self._transformer.named_steps[name], kept)
            else:
                self._transformer.set_params(**{name: kept})

    def names(self) -> list[str]:
        return [str(name) for name in self._transformer.get_feature_names_out(self._column_names())]

    def unknown(self, row: Row) -> list[str]:
        """Columns whose word was never seen in training."""
        if self.declared.kind not in _WORD_KINDS:
            return []
        known = zip(self.declared.columns, self._transformer["encode"].categories_, strict=True)
        return [column for column, words in known if as_word(row[column]) not in words]

    def _table(self, rows: Sequence[Row]) -> NDArray[Any]:
        columns = self.declared.columns
        if self.declared.kind in _WORD_KINDS:
            return np.array([[as_word(row[column]) for column in columns] for row in rows], dtype=object)
        if self.declared.kind == "datetime_parts":
            return np.array(
                [[part for column in columns for part in moment_parts(row[column], self._parts)] for row in rows]
            )
        return np.array([[as_number(row[column]) for column in columns] for row in rows])

    def _column_names(self) -> list[str]:
        columns = self.declared.columns
        if not self._parts:
            return list(columns)
        return [f"{column}_{part}_{wave}" for column in columns for part in self._parts for wave in ("sin", "cos")]


class Encoder:
    """All blocks of a model, with the cleaning that comes before them."""

    def __init__(self, blocks: Sequence[FeatureBlock], cleaning: Mapping[str, Sequence[str]]) -> None:
        self._cleaning = {field: tuple(names) for field, names in cleaning.items()}
        self.blocks: list[NgramBlock | TableBlock] = [
            NgramBlock(block) if block.kind.endswith("ngrams") else TableBlock(block) for block in blocks
        ]

    @classmethod
    def restored(
        cls, blocks: Sequence[FeatureBlock], cleaning: Mapping[str, Sequence[str]], state: Sequence[Any]
    ) -> Self:
        """The encoder whose `state()` was kept."""
        encoder = cls(blocks, cleaning)
        for block, kept in zip(encoder.blocks, state, strict=True):
            block.restore(kept)
        return encoder

    def clean(self, rows: Sequence[Row]) -> list[Row]:
        """Rows with their text columns cleaned. `fit` and `transform` take cleaned rows."""
        return clean_rows(rows, self._cleaning)

    def fit(self, rows: Sequence[Row]) -> Self:
        """Learn from cleaned rows; InvalidSpec names the block that cannot be fitted to them."""
        self.fit_transform(rows)
        return self

    def fit_transform(self, rows: Sequence[Row]) -> Matrix:
        """`fit`, then `transform` of the same rows, reading each text once."""
        return _joined([_fitted_part(block, rows) for block in self.blocks])

    def transform(self, rows: Sequence[Row]) -> Matrix:
        """A float64 matrix (rows × features): sparse CSR where a block holds n-grams, else dense."""
        return _joined([block.transform(rows) for block in self.blocks])

    def state(self) -> list[Any]:
        return [block.state() for block in self.blocks]

    def names(self) -> list[str]:
        return [name for block in self.blocks for name in block.names()]

    def unknown(self, row: Row) -> list[str]:
        """Category columns of `row` whose word was never seen in training: they score as unknown."""
        return [column for block in self.blocks if isinstance(block, TableBlock) for column in block.unknown(row)]


def _word_pipeline(params: dict[str, Any], kind: str) -> Pipeline:
    """Encode words as columns of 0 and 1 or as ranks; `scale: true` standardises them like numbers."""
    scale = params.pop("scale", False)
    if kind == "one_hot":
        encoder = _constructed(
            OneHotEncoder, {"handle_unknown": "infrequent_if_exist", **params, "sparse_output": False}, kind
        )
    else:
        encoder = _constructed(
            OrdinalEncoder, {"handle_unknown": "use_encoded_value", "unknown_value": -1, **params}, kind
        )
    return Pipeline([("encode", encoder), ("scale", StandardScaler() if scale else "passthrough")])


def _fitted_part(block: NgramBlock | TableBlock, rows: Sequence[Row]) -> Matrix:
    try:
        return block.fit_transform(rows)
    except ValueError as error:
        raise InvalidSpec(
            f"The {block.declared.kind} block of {', '.join(block.declared.columns)} cannot be fitted: {error}",
            advice="Change it in the `features` section.",
        ) from error


def _joined(parts: Sequence[Matrix]) -> Matrix:
    if any(sparse.issparse(part) for part in parts):
        return sparse.csr_matrix(parts[0] if len(parts) == 1 else sparse.hstack(parts, format="csr"))
    return np.hstack(parts)


def _number_pipeline(params: dict[str, Any], kind: str) -> Pipeline:
    """Impute, expand, scale: each optional. `impute: none` keeps NaN for estimators that read it (boosted trees)."""
    impute = params.pop("impute", "median")
    steps: list[tuple[str, Any]] = []
    if impute != "none":
        imputer = {"strategy": impute, "add_indicator": params.pop("missing_indicator", False)}
        steps.append(("impute", _constructed(SimpleImputer, imputer, kind)))
    for name, expansion in _EXPANSIONS.items():
        if name in params:
            steps.append((name, _constructed(expansion, dict(params.pop(name)), kind)))
    if params.pop("scale", True):
        steps.append(("scale", StandardScaler()))
    if params:
        raise InvalidSpec(f"A {kind} block has no parameter {', '.join(sorted(params))}.")
    return Pipeline(steps or [("keep", "passthrough")])


def _spline_state(splines: SplineTransformer) -> dict[str, Any]:
    return {
        "knots": np.array([spline.t for spline in splines.bsplines_]),
        "coefficients": splines.bsplines_[0].c,
        "extrapolate": bool(splines.bsplines_[0].extrapolate),
        "features_out": int(splines.n_features_out_),
    }


def _restore_splines(splines: SplineTransformer, state: Mapping[str, Any]) -> None:
    """Set what `fit` would set. Refitting on the knots is no way: ties repeat quantile knots, and it refuses those."""
    splines.bsplines_ = [
        BSpline.construct_fast(knots, state["coefficients"], splines.degree, extrapolate=state["extrapolate"])
        for knots in state["knots"]
    ]
    splines.n_features_in_ = len(state["knots"])
    splines.n_features_out_ = state["features_out"]


def _constructed(factory: Any, params: dict[str, Any], kind: str) -> Any:
    """The transformer with its parameters checked by scikit-learn itself."""
    try:
        transformer = factory(**params)
        transformer._validate_params()
    except (TypeError, ValueError) as error:
        raise InvalidSpec(f"A {kind} block cannot take {params}: {error}") from error
    return transformer
