"""Preprocessing: documents become labelled rows, cleaned for training and raw for judging, without duplicates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.errors import NotEnoughData
from ml_pipeline.inputs import validate_rows
from ml_pipeline.learning.profile import profile_rows
from ml_pipeline.learning.row_cleaning import clean_rows
from ml_pipeline.learning.splitting import Side, Splitter, TwoSides
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import Documents, LabelledRows, read_documents, write_labelled
from ml_pipeline.spec import Backtest, InputField, Split, Target
from ml_pipeline.stages.command import run_stage

Fields = Mapping[str, InputField]


@dataclass(frozen=True)
class Prepared:
    """The three row sets of a model. `later` flags the backtest's rows; without a backtest there are none."""

    training: LabelledRows
    held_out: LabelledRows
    backtest: LabelledRows
    later: list[bool]
    report: dict[str, Any]


def prepare(
    documents: Documents,
    *,
    inputs: Fields,
    target: Target,
    cleaning: Mapping[str, tuple[str, ...]],
    split: Split,
) -> Prepared:
    """Label, clean, split and deduplicate. Training and backtest rows come back cleaned, held-out rows as ingested."""
    raw = _labelled(documents, target)
    checked = validate_rows(inputs, [{name: row[name] for name in inputs} for row in raw.rows])
    clean = LabelledRows(raw.ids, clean_rows(checked, cleaning), raw.labels)
    splitter = Splitter(ids=clean.ids, rows=clean.rows, labels=clean.labels, inputs=inputs, split=split)
    sides = splitter.split(_moments(raw, split.field))
    training, held_out = clean.take(sides.training.rows), raw.take(sides.held_out.rows)
    _require_every_label("training", training, target)
    _require_every_label("held-out", held_out, target)
    backtest, later, sizes = _backtest(raw, clean, splitter, split.backtest)
    report = {
        "documents": len(documents.ids),
        "unlabelled": len(documents.ids) - len(raw),
        **_counts(sides, "training", "held_out"),
        "labels": {"training": _label_counts(training, target), "held_out": _label_counts(held_out, target)},
        "backtest": sizes,
    }
    return Prepared(training, held_out, backtest, later, report)


def run(model: str) -> None:
    """Split the ingested documents of MODEL into training, held-out and backtest rows."""
    spec, files = load_spec(model), Artifacts(model)
    fields = {**spec.inputs, **spec.attributes}
    documents = read_documents(files.documents, fields=fields, target=spec.target.field)
    prepared = prepare(documents, inputs=spec.inputs, target=spec.target, cleaning=spec.cleaning, split=spec.split)
    write_labelled(files.training_rows, prepared.training, fields=spec.inputs)
    write_labelled(files.held_out_rows, prepared.held_out, fields=fields)
    write_labelled(files.backtest_rows, prepared.backtest, fields=spec.inputs, later=prepared.later)
    write_bytes(files.split_report, readable_json(prepared.report))
    profile = profile_rows(prepared.training, inputs=spec.inputs, labels=spec.target.classes)
    write_bytes(files.data_profile, readable_json(profile))


def _labelled(documents: Documents, target: Target) -> LabelledRows:
    """Documents whose target value stands for a label; the others teach nothing."""
    index = {label: number for number, label in enumerate(target.classes)}
    labels = [None if value is None else target.label_of(value) for value in documents.targets]
    known = [row for row, label in enumerate(labels) if label is not None]
    return LabelledRows(
        [documents.ids[row] for row in known],
        [documents.rows[row] for row in known],
        [index[label] for label in labels if label is not None],
    )


def _backtest(
    raw: LabelledRows, clean: LabelledRows, splitter: Splitter, backtest: Backtest | None
) -> tuple[LabelledRows, list[bool], dict[str, Any] | None]:
    """Earlier and later rows in one set, the flag that tells them apart, and their counts."""
    if backtest is None:
        return clean.take([]), [], None
    moments = _moments(raw, backtest.field)
    sides = splitter.split_at(backtest.start, moments, earliest=backtest.earliest, latest=backtest.latest)
    earlier, later = sides.training.rows, sides.held_out.rows
    flags = [False] * len(earlier) + [True] * len(later)
    return clean.take([*earlier, *later]), flags, _counts(sides, "earlier", "later")


def _moments(rows: LabelledRows, field: str | None) -> list[datetime | None]:
    if field is None:
        return []
    return [moment if isinstance(moment := row[field], datetime) else None for row in rows.rows]


def _require_every_label(side: str, rows: LabelledRows, target: Target) -> None:
    counts = _label_counts(rows, target)
    if absent := [label for label, count in counts.items() if count == 0]:
        raise NotEnoughData(
            f"No {side} row is labelled {' or '.join(absent)}.",
            advice="Bring more documents, or change the `split` section.",
            details={"side": side, "labels": counts},
        )


def _label_counts(rows: LabelledRows, target: Target) -> dict[str, int]:
    return {label: rows.labels.count(number) for number, label in enumerate(target.classes)}


def _counts(sides: TwoSides, first: str, second: str) -> dict[str, Any]:
    """The two sides as the report shows them."""

    def shown(side: Side) -> dict[str, int]:
        return {"rows": len(side.rows), "repeated": side.repeated, "conflicting": side.conflicting}

    return {
        first: shown(sides.training),
        second: {**shown(sides.held_out), f"like_{first}": sides.held_out.like_training},
        "undated": sides.undated,
    }


if __name__ == "__main__":
    run_stage("preprocessing", run)
