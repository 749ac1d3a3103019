"""Evaluation: assemble the bundle, and judge it as it will serve, on rows that it never saw.

Everything that goes to the tracking server stands in files first, so that a skipped stage loses nothing.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ml_pipeline.baseline import read_baseline
from ml_pipeline.bundle import skops_files
from ml_pipeline.bundle.agreement import compare_scorers
from ml_pipeline.bundle.files import write_bundle
from ml_pipeline.bundle.golden import choose_golden
from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.bundle.writing import assemble_bundle, record_metrics, without_compiling
from ml_pipeline.canonical import canonical_json, readable_json, write_bytes
from ml_pipeline.inputs import validate_rows
from ml_pipeline.judgement import Yardstick, judge_held_out
from ml_pipeline.learning.backtest import backtest
from ml_pipeline.learning.curves import Records, plot_records
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import LabelledRows, read_labelled, read_later
from ml_pipeline.scores import write_scores
from ml_pipeline.spec import ModelSpec
from ml_pipeline.stages.command import run_stage

_PARAMETERS = ("target", "cleaning", "split", "features", "estimator", "decision")


def run(model: str) -> None:
    """Assemble the bundle of MODEL and score the held-out rows through it. Registration logs what this leaves."""
    with single_threaded():
        evaluate(Artifacts(model), load_spec(model))


def evaluate(files: Artifacts, spec: ModelSpec) -> None:
    """Write bundle, metrics, plots, scores and report. Of `spec` all but source, contract and promotion is read."""
    held_out = read_labelled(files.held_out_rows, fields={**spec.inputs, **spec.attributes})
    manifest, fitted = _assembled(files, spec, held_out)
    bundle = ModelBundle.from_bytes(manifest, fitted)
    compared = compare_scorers(bundle, held_out.rows)
    if compared["largest_difference"] is not None and bundle.scorer == "pipeline":
        manifest = without_compiling(manifest, str(bundle.scorer_note))
    champion, their_bundle = _champion(files)
    judged = judge_held_out(bundle, held_out, yardstick=Yardstick.of(spec), champion=their_bundle)
    manifest = record_metrics(manifest, judged.values)
    bundle_hash = write_bundle(files.bundle, manifest, fitted)
    ModelBundle.load(files.bundle, expected_hash=bundle_hash).prove()
    report = {
        "model": files.model,
        "bundle_hash": bundle_hash,
        "data_hash": json.loads(files.ingestion_report.read_bytes())["data_hash"],
        "labels": list(spec.target.classes),
        "rows": json.loads(files.split_report.read_bytes()),
        "profile": json.loads(files.data_profile.read_bytes()),
        "threshold": json.loads(manifest)["threshold"],
        "metrics": judged.metrics,
        "reference": {"majority_accuracy": float(np.bincount(held_out.labels).max() / len(held_out))},
        "slices": judged.slices,
        "backtest": _backtest(files, spec),
        "scorer": compared,
        "parameters": flat_parameters(spec.public()),
        "champion": champion and {**champion, **(judged.champion or {})},
    }
    write_scores(files.scores, judged.scores)
    _write_plots(files, plot_records(judged.scored, spec.target.classes, spec.decision))
    write_bytes(files.metrics, readable_json(_flat_metrics(report)))
    write_bytes(files.report, readable_json(report))


def flat_parameters(public: Mapping[str, Any]) -> dict[str, str | float]:
    """What was chosen for this model, as `estimator.params.C` → 4.0; lists and mappings in lists as JSON."""
    flat: dict[str, str | float] = {}

    def visit(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                visit(f"{name}.{key}", item)
        elif isinstance(value, str | float) or (isinstance(value, int) and not isinstance(value, bool)):
            flat[name] = value
        elif value is not None:
            flat[name] = canonical_json(value).decode()

    for section in _PARAMETERS:
        visit(section, public[section])
    return flat


def _assembled(files: Artifacts, spec: ModelSpec, held_out: LabelledRows) -> tuple[bytes, bytes]:
    """Manifest and model file of the earlier stages' work, still without metrics."""
    encoder_state = skops_files.load(files.encoder.read_bytes())
    golden = choose_golden(held_out.ids, held_out.rows, held_out.labels, count=spec.evaluation.golden_samples)
    asked = [{name: held_out.rows[row][name] for name in spec.inputs} for row in golden]
    return assemble_bundle(
        model=files.model,
        spec=spec,
        encoder=Encoder.restored(spec.features.blocks, spec.cleaning, encoder_state),
        estimator=skops_files.load(files.estimator.read_bytes()),
        threshold=json.loads(files.threshold.read_bytes())["threshold"],
        held_out_metrics={},
        golden_rows=validate_rows(spec.inputs, asked),
    )


def _champion(files: Artifacts) -> tuple[dict[str, Any] | None, ModelBundle | None]:
    """Who is compared with, for the report, and its bundle."""
    champion = read_baseline(files.baseline)
    if champion is None:
        return None, None
    bundle = ModelBundle.load(files.baseline_bundle, expected_hash=champion.bundle_hash)
    who = {"version": champion.version, "bundle_hash": champion.bundle_hash, "verified": champion.verified}
    return who, bundle


def _backtest(files: Artifacts, spec: ModelSpec) -> dict[str, Any] | None:
    if spec.split.backtest is None:
        return None
    rows = read_labelled(files.backtest_rows, fields=spec.inputs)
    later = read_later(files.backtest_rows)
    return backtest(
        rows.take(row for row, flag in enumerate(later) if not flag),
        rows.take(row for row, flag in enumerate(later) if flag),
        cleaning=spec.cleaning,
        features=spec.features,
        estimator=spec.estimator,
        decision=spec.decision,
        target=spec.target,
        draws=spec.evaluation.bootstrap,
    )


def _flat_metrics(report: Mapping[str, Any]) -> dict[str, float]:
    """What `dvc metrics show` lists: plain values, those of the backtest prefixed."""
    backtested = report["backtest"]["metrics"] if report["backtest"] else {}
    return {
        **{name: measured["value"] for name, measured in report["metrics"].items()},
        **{f"backtest_{name}": measured["value"] for name, measured in backtested.items()},
    }


def _write_plots(files: Artifacts, plots: Mapping[str, Records]) -> None:
    """In the records' own order of keys: their first is the horizontal axis."""
    for name, records in plots.items():
        lines = ",\n".join(json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records)
        write_bytes(files.plots / f"{name}.json", f"[\n{lines}\n]\n".encode())


if __name__ == "__main__":
    run_stage("evaluation", run)
