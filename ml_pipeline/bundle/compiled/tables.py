"""Table blocks as sums of functions of one field each: a word is looked up, a number falls into a piece.

Each column gives one value a score: its features, scaled as in training, times their weights.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.piecewise import Piecewise, SplineBasis, stairs
from ml_pipeline.bundle.compiled.reading import SavedObject
from ml_pipeline.inputs import Value
from ml_pipeline.learning.values import MOMENT_PARTS, as_number, as_word, moment_parts
from ml_pipeline.spec import FeatureBlock

Floats = NDArray[np.float64]
State = Mapping[str, Any]
Function = Callable[[float], Sequence[float]]

WORD_KINDS = ("one_hot", "ordinal")


class Column(Protocol):
    """What one field adds to each score."""

    @property
    def field(self) -> str: ...

    def of(self, value: Value) -> Sequence[float]: ...


@dataclass(frozen=True, slots=True)
class WordColumn:
    """A word's values are looked up; a word that training never saw has values of its own."""

    field: str
    known: Mapping[str, Sequence[float]]
    unknown: Sequence[float]

    def of(self, value: Value) -> Sequence[float]:
        return self.known.get(as_word(value), self.unknown)

    def knows(self, value: Value) -> bool:
        return as_word(value) in self.known


@dataclass(frozen=True, slots=True)
class NumberColumn:
    field: str
    function: Function
    missing: Sequence[float]

    def of(self, value: Value) -> Sequence[float]:
        return self.missing if value is None else self.function(as_number(value))


@dataclass(frozen=True, slots=True)
class MomentColumn:
    field: str
    parts: Sequence[str]
    functions: Sequence[Function]
    missing: Sequence[float]

    def of(self, value: Value) -> Sequence[float]:
        if value is None:
            return self.missing
        waves = moment_parts(value, self.parts)
        values = [function(wave) for function, wave in zip(self.functions, waves, strict=True)]
        return [sum(score) for score in zip(*values, strict=True)]


def compile_table(block: FeatureBlock, state: State, weights: Floats) -> list[Column]:
    """One column for each of the block's fields. Weights are scores × the block's features."""
    if block.kind in WORD_KINDS:
        return list(_word_columns(block, state, weights))
    if block.kind != "datetime_parts":
        return [
            NumberColumn(field, number.function, number.missing)
            for field, number in zip(block.columns, _numbers(block, state, weights, len(block.columns)), strict=True)
        ]
    return list(_moment_columns(block, state, weights))


def features_of(block: FeatureBlock, state: State) -> int:
    """How many features the block has."""
    scale = state.get("scale")
    if isinstance(scale, SavedObject):
        return len(scale["scale_"])
    if block.kind == "one_hot":
        return int(sum(state["encode"]["_n_features_outs"]))
    if block.kind == "ordinal":
        return len(block.columns)
    return sum(expansion.width for expansion in _expansions(block, state, len(_sources(block, state))))


def _moment_columns(block: FeatureBlock, state: State, weights: Floats) -> Iterator[MomentColumn]:
    parts = tuple(block.params.get("parts", MOMENT_PARTS))
    each = 2 * len(parts)  # sine and cosine
    numbers = _numbers(block, state, weights, each * len(block.columns))
    for place, field in enumerate(block.columns):
        own = numbers[place * each : (place + 1) * each]
        missing = [sum(score) for score in zip(*(one.missing for one in own), strict=True)]
        yield MomentColumn(field, parts, [one.function for one in own], missing)


def _word_columns(block: FeatureBlock, state: State, weights: Floats) -> Iterator[WordColumn]:
    encoder: SavedObject = state["encode"]
    slopes, constants = _scaled(state, weights)
    start = 0
    for place, (field, words) in enumerate(zip(block.columns, encoder["categories_"], strict=True)):
        codes, unknown = _codes(encoder, place, len(words))
        if block.kind == "ordinal":
            width = 1
            values = [slopes[:, start] * code for code in codes]
            beyond = slopes[:, start] * float(encoder["unknown_value"])
        else:
            width = int(encoder["_n_features_outs"][place])
            one_hot = [_kept(encoder, place, code) for code in (*codes, unknown)]
            *values, beyond = [
                np.zeros(len(weights)) if index is None else slopes[:, start + index] for index in one_hot
            ]
        constant = constants[:, start : start + width].sum(axis=1)
        known = {word: (value + constant).tolist() for word, value in zip(words, values, strict=True)}
        yield WordColumn(field, known, (beyond + constant).tolist())
        start += width


def _codes(encoder: SavedObject, place: int, words: int) -> tuple[list[int], int | None]:
    """The code of each word after rare ones were grouped, and that of an unknown word (None: no feature at all)."""
    handling = encoder["handle_unknown"]
    if handling == "error":
        raise NotCompilable("`handle_unknown: error` refuses words")
    if not encoder["_infrequent_enabled"] or encoder["_default_to_infrequent_mappings"][place] is None:
        return list(range(words)), None
    if encoder.class_name != "OneHotEncoder" or ("drop" in encoder and encoder["drop"] is not None):
        raise NotCompilable("rare words are grouped in an ordinal column, or beside a dropped one")
    mapping = [int(code) for code in encoder["_default_to_infrequent_mappings"][place]]
    rare = mapping[int(encoder["_infrequent_indices"][place][0])]
    return mapping, rare if handling in ("infrequent_if_exist", "warn") else None


def _kept(encoder: SavedObject, place: int, code: int | None) -> int | None:
    """The feature of a code once the dropped word's is gone."""
    dropped = encoder["_drop_idx_after_grouping"]
    if code is None or dropped is None or dropped[place] is None:
        return code
    at = int(dropped[place])
    return None if code == at else code - (code > at)


@dataclass(frozen=True, slots=True)
class _Number:
    function: Piecewise
    missing: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Expansion:
    """How many features a number becomes, and the function that their weights make of it."""

    width: int
    weighted: Callable[[Floats], Piecewise]


def _numbers(block: FeatureBlock, state: State, weights: Floats, count: int) -> list[_Number]:
    """One function a number: of its value, imputed if missing, and of whether it is missing where that is a feature."""
    sources = _sources(block, state)
    slopes, constants = _scaled(state, weights)
    functions, start = [], 0
    for expansion in _expansions(block, state, len(sources)):
        own = slice(start, start + expansion.width)
        function = expansion.weighted(slopes[:, own])
        function.shifted(constants[:, own].sum(axis=1))
        functions.append(function)
        start += expansion.width
    missing = [function(value) for function, value in zip(functions, state["impute"]["statistics_"], strict=False)]
    for flag, place in zip(functions[count:], sources[count:], strict=True):
        missing[place] = [one + other for one, other in zip(missing[place], flag(1.0), strict=True)]
        functions[place].shifted(np.array(flag(0.0)))
    return [_Number(function, line) for function, line in zip(functions[:count], missing, strict=True)]


def _sources(block: FeatureBlock, state: State) -> list[int]:
    """For each column after imputation the number that it comes from: all of them, then those whose absence counts."""
    imputer = state.get("impute")
    if not isinstance(imputer, SavedObject):
        raise NotCompilable(f"a {block.kind} block without imputation")
    statistics = np.asarray(imputer["statistics_"], dtype=np.float64)
    if np.isnan(statistics).any():
        raise NotCompilable("a number was missing in every row of training")
    indicator = imputer["indicator_"]
    return [*range(len(statistics)), *([] if indicator is None else map(int, indicator["features_"]))]


def _expansions(block: FeatureBlock, state: State, columns: int) -> list[_Expansion]:
    names = [name for name in ("splines", "polynomial", "bins") if name in block.params]
    if len(names) > 1:
        raise NotCompilable("a block with two expansions")
    if not names:
        return [
            _Expansion(1, lambda slopes: Piecewise.polynomial(np.hstack([np.zeros_like(slopes), slopes])))
        ] * columns
    return _EXPANSIONS[names[0]](block.params[names[0]], state[names[0]], columns)


def _splines(params: Mapping[str, Any], state: Any, _: int) -> list[_Expansion]:
    degree, kept_all = params.get("degree", 3), params.get("include_bias", True)
    if degree < 1 or params.get("sparse_output") or params.get("handle_missing", "error") != "error":
        raise NotCompilable("splines of degree 0, sparse ones, or ones that read missing values")
    mixing = np.asarray(state["coefficients"], dtype=np.float64)

    def expansion(knots: Floats) -> _Expansion:
        basis, features = SplineBasis(knots, mixing, degree), mixing.shape[1]

        def weighted(slopes: Floats) -> Piecewise:
            full = np.zeros((len(slopes), features))
            full[:, : slopes.shape[1]] = slopes  # without bias the last feature is left out
            return basis.weighted(full, params.get("extrapolation", "constant"))

        return _Expansion(features if kept_all else features - 1, weighted)

    return [expansion(np.asarray(knots, dtype=np.float64)) for knots in state["knots"]]


def _powers(params: Mapping[str, Any], _: Any, columns: int) -> list[_Expansion]:
    degree = params.get("degree", 2)
    if columns > 1 or not isinstance(degree, int) or params.get("interaction_only"):
        raise NotCompilable("a polynomial of several columns is no sum of functions of one column")
    first = 0 if params.get("include_bias", True) else 1

    def weighted(slopes: Floats) -> Piecewise:
        return Piecewise.polynomial(np.hstack([np.zeros((len(slopes), first)), slopes]))

    return [_Expansion(degree + 1 - first, weighted)]


def _bins(params: Mapping[str, Any], fitted: SavedObject, _: int) -> list[_Expansion]:
    encode = params.get("encode", "onehot")
    if fitted["dtype"] is not None or encode == "onehot":
        raise NotCompilable("bins of another type than float64, or sparse ones")

    def expansion(edges: Sequence[float], bins: int) -> _Expansion:
        if encode == "ordinal":
            return _Expansion(1, lambda slopes: stairs(edges[1:-1], slopes * np.arange(bins, dtype=np.float64)))
        return _Expansion(bins, lambda slopes: stairs(edges[1:-1], slopes))

    return [expansion(edges, int(bins)) for edges, bins in zip(fitted["bin_edges_"], fitted["n_bins_"], strict=True)]


_EXPANSIONS: dict[str, Callable[[Mapping[str, Any], Any, int], list[_Expansion]]] = {
    "splines": _splines,
    "polynomial": _powers,
    "bins": _bins,
}


def _scaled(state: State, weights: Floats) -> tuple[Floats, Floats]:
    """Weights and constants (scores × features) of the features before scaling."""
    scale = state.get("scale")
    if not isinstance(scale, SavedObject):  # "passthrough", or no such step
        return weights, np.zeros_like(weights)
    slopes = weights / scale["scale_"]
    return slopes, -slopes * scale["mean_"]
