"""Evidently's report of a window beside its reference: the pictures that people know, by a library that they know.

It decides nothing: its verdicts know neither our thresholds' chance bounds nor repeats. Importing it takes seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_pipeline.drift.samples import Sample, spread
from ml_pipeline.inputs import Row
from ml_pipeline.learning.values import as_word
from ml_pipeline.spec import InputField

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 20_000  # of each side
_WORDS = 20
_OTHERS = "others"
_LABEL, _PROBABILITY = "answer", "probability"


def evidently_html(reference: Sample, window: Sample, *, inputs: Mapping[str, InputField], threshold: float) -> bytes:
    """One HTML page that holds all it needs: inputs where both sides have them, and answers.

    It has shares and histograms alone: of a text its length, of an open category the reference's frequent words.
    """
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 - takes seconds
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    before, now = _table(reference, inputs), _table(window, inputs)
    shared = [str(name) for name in before if name in now and before[name].notna().any() and now[name].notna().any()]
    words = [name for name in shared if before[name].dtype == object]
    for name in words:
        _group_rare(before, now, name)
    definition = DataDefinition(
        numerical_columns=[name for name in shared if name not in words], categorical_columns=words
    )
    preset = DataDriftPreset(
        num_method="jensenshannon", cat_method="jensenshannon", num_threshold=threshold, cat_threshold=threshold
    )
    snapshot = Report([preset], include_tests=False).run(
        Dataset.from_pandas(now[shared], data_definition=definition),
        Dataset.from_pandas(before[shared], data_definition=definition),
    )
    page: str = snapshot.get_html_str(as_iframe=False)
    return page.encode()


def _table(sample: Sample, inputs: Mapping[str, InputField]) -> pd.DataFrame:
    """Inputs and answers as columns; answers alone where not every answer has its inputs."""
    import pandas as pd  # noqa: PLC0415

    places = spread(len(sample.answers), _ROWS)
    whole = len(sample.rows) == len(sample.answers)
    columns = _input_columns([sample.rows[place] for place in places], inputs) if whole else {}
    columns[_LABEL] = [sample.answers.labels[place] for place in places]
    columns[_PROBABILITY] = [float(sample.answers.probabilities[place]) for place in places]
    return pd.DataFrame({name: pd.Series(values, dtype=_dtype(values)) for name, values in columns.items()})


def _input_columns(rows: Sequence[Row], inputs: Mapping[str, InputField]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, field in inputs.items():
        values = [row[name] for row in rows]
        if field.type == "text":
            found[f"{name} (characters)"] = [None if value is None else len(str(value)) for value in values]
        elif field.type in ("number", "integer"):
            found[name] = values
        elif field.type in ("category", "boolean"):
            found[name] = [None if value is None else as_word(value) for value in values]
    return found


def _dtype(values: Sequence[Any]) -> Any:
    return object if any(isinstance(value, str) for value in values) else float


def _group_rare(before: pd.DataFrame, now: pd.DataFrame, name: str) -> None:
    """Leave the reference's frequent words as they are: a rare one may tell who asked."""
    frequent = {word for word, _ in Counter(before[name].dropna()).most_common(_WORDS)}
    for table in (before, now):
        table[name] = [word if word is None or word in frequent else _OTHERS for word in table[name]]
