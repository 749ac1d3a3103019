"""One evaluation: a window against a reference, every statistic with its threshold and its bound.

A statistic alarms if it is both larger than its threshold, which says what matters, and larger than its bound, which
says what chance alone makes of two samples of these sizes. At most `FALSE_ALARMS` of undrifted windows alarm at all.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.drift import performance
from ml_pipeline.drift.answers import answer_measures
from ml_pipeline.drift.calibration import Counted, chance_bounds
from ml_pipeline.drift.classifier import CHANCE, DomainClassifier
from ml_pipeline.drift.fields import field_measures
from ml_pipeline.drift.measures import Kind, Measure, Values
from ml_pipeline.drift.samples import Sample, answer_keys, compared, effective_rows, row_keys, spread
from ml_pipeline.drift.texts import TEXT_ROWS, text_measures, words_known
from ml_pipeline.inputs import Row
from ml_pipeline.spec import TextInput

FALSE_ALARMS = 0.005
# Shared out: counted statistics together, the classifier, and the metric of known labels where there are any.
_COUNTED, _CLASSIFIER, LIVE_FALSE_ALARMS = 0.6 * FALSE_ALARMS, 0.2 * FALSE_ALARMS, 0.2 * FALSE_ALARMS
REFERENCE_ROWS = 10_000  # of the held-out rows, evenly spread
_SHOWN = 12  # cells of a picture
_STEP = 1.1  # window sizes that share a calibration differ by less than this factor


@dataclass(frozen=True)
class Statistic:
    """What one measure says. `shown` has the shares (name, reference, window) of the cells that changed most."""

    kind: Kind
    field: str
    value: float
    threshold: float
    bound: float
    shown: tuple[tuple[str, float, float], ...] = ()
    nothing: float = 0.0  # the value where nothing moved

    @property
    def alarms(self) -> bool:
        return self.value > self.threshold and self.value > self.bound

    @property
    def beyond(self) -> float:
        """How much of its limit, the larger of both, the value reaches; above 1 it alarms."""
        return (self.value - self.nothing) / max(max(self.threshold, self.bound) - self.nothing, 1e-9)


@dataclass(frozen=True)
class Evaluation:
    """All statistics, those furthest beyond their limits first, and as how many independent rows the window counted."""

    statistics: list[Statistic]
    effective_rows: int

    @property
    def drifted(self) -> bool:
        return any(statistic.alarms for statistic in self.statistics)


class _Part:
    """Measures that take the same rows of both sides."""

    def __init__(self, values: Mapping[str, Values], measures: Sequence[Measure], keys: Sequence[Hashable]) -> None:
        self.counted = Counted(measures, [measure.count(values[measure.field]) for measure in measures])
        self.keys = keys

    def totals(self, values: Mapping[str, Values]) -> list[tuple[Any, Any]]:
        """For each measure the summed counts of reference and window (1 × cells)."""
        pairs = zip(self.counted.measures, self.counted.counts, strict=True)
        return [(_total(counts), _total(measure.count(values[measure.field]))) for measure, counts in pairs]


class PreparedReference:
    """The reference of one bundle, with all that does not depend on the window: made once, asked often.

    Preparing takes about a second, the first evaluation of a size seconds more: its bounds are kept.
    """

    def __init__(self, bundle: ModelBundle, rows: Sequence[Row], answers: performance.Reference) -> None:
        kept = [rows[place] for place in spread(len(rows), REFERENCE_ROWS)]
        self._bundle = bundle
        self.answers = answers
        self._text_fields = [name for name, one in bundle.inputs.items() if _reads_words(bundle, name, one)]
        self._parts: dict[str, _Part] = {}
        if kept:
            self._prepare_inputs(kept)
        pairs = {"": answer_keys(answers.answers)}
        self._parts["answers"] = _Part(pairs, answer_measures(answers, bundle.labels), pairs[""])
        self._classifier = DomainClassifier(bundle.inputs, kept) if kept else None
        self._bounds: dict[tuple[tuple[str, int], ...], dict[str, Any]] = {}

    def evaluate(
        self, window: Sample, thresholds: Mapping[str, float], *, tell: Callable[[str], None] = lambda _: None
    ) -> Evaluation:
        """Every statistic of the window; those of inputs where the reference's and the window's are at hand."""
        tell("counting")
        values = self._values(window)
        sizes = {name: effective_rows(keys, self._parts[name].keys) for name, (_, keys) in values.items()}
        tell("comparing with chance")
        bounds = self._bounds_for(sizes)
        found = [
            _statistic(measure, total, float(bound), thresholds)
            for name, (columns, _) in values.items()
            for measure, total, bound in zip(
                self._parts[name].counted.measures, self._parts[name].totals(columns), bounds[name], strict=True
            )
        ]
        tell("telling rows apart")
        if (classifier := self._classifier) is not None and classifier.useful and window.rows:
            rows = classifier.effective_rows(window.rows)
            bound = classifier.chance_bound(rows, false_alarms=_CLASSIFIER)
            auc = classifier.auc(window.rows)
            found.append(Statistic("classifier", "", auc, thresholds["classifier"], bound, nothing=CHANCE))
        return Evaluation(ranked(found), sizes.get("rows", sizes["answers"]))

    def _prepare_inputs(self, rows: Sequence[Row]) -> None:
        columns = _columns(rows)
        measures = [
            one
            for name, declared in self._bundle.inputs.items()
            for one in field_measures(name, declared, columns[name])
        ]
        self._parts["rows"] = _Part(columns, measures, row_keys(rows, compared(self._bundle.inputs)))
        if self._text_fields:
            kept = [rows[place] for place in spread(len(rows), TEXT_ROWS)]
            texts = _columns(kept)
            measures = [
                one
                for name in self._text_fields
                for one in text_measures(
                    name,
                    texts[name],
                    words_known(self._bundle, name),
                    whole=isinstance(self._bundle.inputs[name], TextInput),
                )
            ]
            if measures:  # none where every text of the reference is missing
                self._parts["texts"] = _Part(texts, measures, row_keys(kept, self._text_fields))

    def _values(self, window: Sample) -> dict[str, tuple[Mapping[str, Values], Sequence[Hashable]]]:
        """By part the columns that its measures count, and the rows' keys."""
        pairs = answer_keys(window.answers)
        found: dict[str, Any] = {"answers": ({"": pairs}, pairs)}
        if window.rows and "rows" in self._parts:
            found["rows"] = (_columns(window.rows), row_keys(window.rows, compared(self._bundle.inputs)))
            if "texts" in self._parts:
                kept = [window.rows[place] for place in spread(len(window.rows), TEXT_ROWS)]
                found["texts"] = (_columns(kept), row_keys(kept, self._text_fields))
        return found

    def _bounds_for(self, sizes: Mapping[str, int]) -> Mapping[str, Any]:
        """The bounds of a window of these sizes, each rounded down to a step: a smaller window has larger bounds."""
        stepped = {name: round(_STEP ** math.floor(math.log(size, _STEP) + 1e-9)) for name, size in sizes.items()}
        key = tuple(sorted(stepped.items()))
        if key not in self._bounds:
            parts = [(self._parts[name].counted, max(1, size)) for name, size in stepped.items()]
            bounds = chance_bounds(parts, false_alarms=_COUNTED)
            self._bounds[key] = dict(zip(stepped, bounds, strict=True))
        return self._bounds[key]


def ranked(statistics: Sequence[Statistic]) -> list[Statistic]:
    """Those that alarm first, then by how much of their limit they reach."""
    return sorted(statistics, key=lambda one: (-one.alarms, -one.beyond, one.kind, one.field))


def _reads_words(bundle: ModelBundle, name: str, declared: Any) -> bool:
    return isinstance(declared, TextInput) or words_known(bundle, name) is not None


def _columns(rows: Sequence[Row]) -> dict[str, Values]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _total(counts: Any) -> Any:
    return np.asarray(counts.sum(axis=0), dtype=np.float64).reshape(1, -1)


def _statistic(measure: Measure, total: tuple[Any, Any], bound: float, thresholds: Mapping[str, float]) -> Statistic:
    reference, window = total
    value = float(measure.distance(reference, window)[0])
    shares = [counts[0] / max(counts.sum(), 1.0) for counts in total]
    changed = sorted(range(len(measure.cells)), key=lambda cell: -abs(shares[0][cell] - shares[1][cell]))[:_SHOWN]
    shown = tuple((measure.cells[cell], float(shares[0][cell]), float(shares[1][cell])) for cell in sorted(changed))
    return Statistic(measure.kind, measure.field, value, thresholds[measure.kind], bound, shown)
