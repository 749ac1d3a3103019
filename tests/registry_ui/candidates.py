"""Candidates as a pipeline run leaves them: a small real bundle, its evaluation and its recommendation."""

from functools import cache
from pathlib import Path
from typing import Any

from ml_pipeline.bundle.files import write_bundle
from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.bundle.writing import assemble_bundle
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.inputs import validate_rows
from ml_pipeline.judgement import Yardstick, judge_held_out
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.estimators import build_estimator
from ml_pipeline.learning.profile import profile_rows
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import LabelledRows, write_labelled
from ml_pipeline.scores import write_scores
from ml_pipeline.spec import ModelSpec
from predictions.bundle_store import read_bundle
from registry_ui.models import ModelVersion

COLOURS = ("green", "red")
BLOCK: dict[str, Any] = {
    "about": {"title": "Ripeness", "intended_use": "Sorting fruit.", "limits": "Not for vegetables."},
    "source": {"collection": "fruit"},
    "inputs": {"weight": {"type": "number"}, "colour": {"type": "category", "optional": True, "max_length": 1000}},
    "attributes": {},
    "target": {"field": "ripe", "labels": ["yes", "no"], "positive": "yes"},
    "contract": {},
    "cleaning": {},
    "split": {},
    "features": {"blocks": [{"kind": "numeric", "columns": ["weight"], "params": {"impute": "median"}}]},
    "estimator": {"family": "logistic_regression"},
    "decision": {},
    "evaluation": {"slices": ["colour"], "bootstrap": 200},
    "promotion": {"metric": "accuracy", "floors": {"accuracy": 0.75}},
    "retraining": {},
    "rollout": {},
    "monitoring": {},
    "serving": {},
}


@cache
def bundle_files(
    model: str, flavour: float, heaviest: float | None = None, threshold: float = 0.5
) -> tuple[bytes, bytes]:
    """Manifest and model file of a fitted bundle: fruit of 10 and more is ripe. Another flavour, another hash.

    It takes fruit of up to `heaviest`.
    """
    inputs = {**BLOCK["inputs"], "weight": {"type": "number", "maximum": heaviest}}
    estimator = {"family": "logistic_regression", "params": {"C": flavour}}
    spec = ModelSpec.parse(model, {**BLOCK, "inputs": inputs, "estimator": estimator})
    rows = validate_rows(spec.inputs, [{"weight": float(weight)} for weight in range(20)])
    encoder = Encoder(spec.features.blocks, spec.cleaning).fit(rows)
    estimator = build_estimator(spec.estimator).fit(encoder.transform(rows), [int(row >= 10) for row in range(20)])
    return assemble_bundle(
        model=model,
        spec=spec,
        encoder=encoder,
        estimator=estimator,
        threshold=threshold,
        held_out_metrics={"accuracy": 0.9},
        golden_rows=rows[::5],
    )


def write_candidate(
    root: Path,
    *,
    model: str = "fruit",
    flavour: float = 1.0,
    data: str = "a",
    champion: ModelVersion | None = None,
    accuracy: float = 0.9,
    verdict: str | None = None,
    mode: str = "manual",
    floor: float = 0.75,
    heaviest: float | None = None,
    policy: dict[str, Any] | None = None,
    rollout: dict[str, Any] | None = None,
    threshold: float = 0.5,
    held_out: bool = False,
    files: tuple[bytes, bytes] | None = None,
) -> Path:
    """Write under `root` what a finished run of `model`, compared with `champion`, leaves there.

    With `held_out` also the rows, the scores, and what judging by them gives; else the metrics are as named. The bundle
    is the fruit's, or `files`.
    """
    artifacts = Artifacts(model)
    bundle_hash = write_bundle(root / artifacts.bundle, *(files or bundle_files(model, flavour, heaviest, threshold)))
    triple = {"model": model, "bundle_hash": bundle_hash, "data_hash": data * 64}
    metrics = {"accuracy": {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02}}
    recommendation = {
        **triple,
        **_ruled(accuracy, floor, verdict or ("keep" if champion else "first")),
        "reasons": ["Accuracy is what it is."],
        "champion": _named(champion),
        "comparison": None,
        "promotion": _promotion(mode, floor) | (policy or {}),
        "rollout": rollout or {},
        "metrics": {"accuracy": accuracy},
    }
    compared = _compared(champion, metrics)
    report = {**triple, "metrics": metrics, "champion": compared, "rows": {"held_out": 100}, "parameters": {}}
    if held_out:
        report |= _judged(root, artifacts, champion, threshold)
    write_bytes(root / artifacts.report, readable_json(report))
    write_bytes(root / artifacts.recommendation, readable_json(recommendation))
    return root


def _named(champion: ModelVersion | None) -> dict[str, Any] | None:
    return champion and {"version": champion.number, "bundle_hash": champion.bundle_hash}


def _promotion(mode: str, floor: float) -> dict[str, Any]:
    return {"mode": mode, "metric": "accuracy", "minimum_gain": 0.0, "floors": {"accuracy": floor}}


def _compared(champion: ModelVersion | None, metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Candidate and champion on the same hundred rows."""
    return champion and {
        **(_named(champion) or {}),
        "comparable": True,
        "metrics": champion.metrics,
        "candidate_metrics": metrics,
        "rows": {"compared": 100, "refused": 0},
    }


def _ruled(accuracy: float, floor: float, verdict: str) -> dict[str, Any]:
    """The floor, and the verdict that holds where it is reached."""
    passed = accuracy >= floor
    row = {"metric": "accuracy", "floor": floor, "value": accuracy, "passed": passed}
    return {"verdict": verdict if passed else "below_floors", "floors": [row]}


def _judged(root: Path, artifacts: Artifacts, champion: ModelVersion | None, threshold: float) -> dict[str, Any]:
    """Judge the bundle under `root` on fruit of every weight from 0 to 19; files and the report's entries."""
    bundle = ModelBundle.load(root / artifacts.bundle)
    theirs = champion and ModelBundle.from_bytes(*read_bundle(champion.bundle_hash))
    rows = bundle.validate([{"weight": float(weight), "colour": COLOURS[weight % 2]} for weight in range(20)])
    labelled = LabelledRows([f"fruit-{weight:02}" for weight in range(20)], rows, [int(w >= 10) for w in range(20)])
    yardstick = Yardstick.of_public(bundle.manifest["spec"])
    judged = judge_held_out(bundle, labelled, yardstick=yardstick, champion=theirs or None)
    write_labelled(root / artifacts.held_out_rows, labelled, fields=bundle.inputs)
    write_scores(root / artifacts.scores, judged.scores)
    who = _named(champion)
    return {
        "threshold": threshold,
        "labels": list(bundle.labels),
        "metrics": judged.metrics,
        "slices": judged.slices,
        "profile": profile_rows(labelled, inputs=bundle.inputs, labels=bundle.labels),
        "champion": who and {**who, **(judged.champion or {})},
    }
