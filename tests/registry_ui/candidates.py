"""Candidates as a pipeline run leaves them: a small real bundle, its evaluation and its recommendation."""

from functools import cache
from pathlib import Path
from typing import Any

from ml_pipeline.bundle.files import write_bundle
from ml_pipeline.bundle.writing import assemble_bundle
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.inputs import validate_rows
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.estimators import build_estimator
from ml_pipeline.paths import Artifacts
from ml_pipeline.spec import ModelSpec
from registry_ui.models import ModelVersion

BLOCK: dict[str, Any] = {
    "about": {"title": "Ripeness"},
    "source": {"collection": "fruit"},
    "inputs": {"weight": {"type": "number"}, "colour": {"type": "category", "optional": True}},
    "attributes": {},
    "target": {"field": "ripe", "labels": ["yes", "no"], "positive": "yes"},
    "contract": {},
    "cleaning": {},
    "split": {},
    "features": {"blocks": [{"kind": "numeric", "columns": ["weight"], "params": {"impute": "median"}}]},
    "estimator": {"family": "logistic_regression"},
    "decision": {},
    "evaluation": {},
    "promotion": {"metric": "accuracy", "floors": {"accuracy": 0.75}},
    "serving": {},
}


@cache
def bundle_files(model: str, flavour: float, heaviest: float | None = None) -> tuple[bytes, bytes]:
    """Manifest and model file of a fitted bundle; another flavour is another bundle hash. It takes up to `heaviest`."""
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
        threshold=0.5,
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
) -> Path:
    """Write under `root` what a finished run of `model`, compared with `champion`, leaves there."""
    artifacts = Artifacts(model)
    bundle_hash = write_bundle(root / artifacts.bundle, *bundle_files(model, flavour, heaviest))
    triple = {"model": model, "bundle_hash": bundle_hash, "data_hash": data * 64}
    compared = champion and {"version": champion.number, "bundle_hash": champion.bundle_hash}
    metrics = {"accuracy": {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02}}
    judged = champion and {
        **(compared or {}),
        "comparable": True,
        "metrics": champion.metrics,
        "candidate_metrics": metrics,
        "rows": {"compared": 100, "refused": 0},
    }
    below = accuracy < floor
    recommendation = {
        **triple,
        "verdict": "below_floors" if below else verdict or ("keep" if champion else "first"),
        "reasons": ["Accuracy is what it is."],
        "champion": compared,
        "comparison": None,
        "floors": [{"metric": "accuracy", "floor": floor, "value": accuracy, "passed": not below}],
        "promotion": {
            "mode": mode,
            "metric": "accuracy",
            "minimum_gain": 0.0,
            "floors": {"accuracy": floor},
            **(policy or {}),
        },
        "metrics": {"accuracy": accuracy},
    }
    report = {**triple, "metrics": metrics, "champion": judged, "rows": {"held_out": 100}, "parameters": {}}
    write_bytes(root / artifacts.report, readable_json(report))
    write_bytes(root / artifacts.recommendation, readable_json(recommendation))
    return root
