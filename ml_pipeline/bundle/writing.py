"""Assembling a bundle: one skops file and one canonical manifest, the same bytes for the same fit."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from ml_pipeline.bundle import skops_files
from ml_pipeline.bundle.model_bundle import FORMAT, ModelBundle
from ml_pipeline.canonical import canonical_json, sha256_hex
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.inputs import Row, jsonable
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.recalibration import EDGE, Recalibration
from ml_pipeline.spec import ModelSpec

_LIBRARIES = ("numpy", "scikit-learn", "scipy", "skops")


def assemble_bundle(
    *,
    model: str,
    spec: ModelSpec,
    encoder: Encoder,
    estimator: Any,
    threshold: float | None,
    held_out_metrics: Mapping[str, float],
    golden_rows: Sequence[Row],
) -> tuple[bytes, bytes]:
    """Manifest and model file. The golden samples' answers are the pipeline's, loaded from these bytes."""
    fitted = skops_files.dump({"encoder": encoder.state(), "estimator": estimator})
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "model": model,
        "spec": spec.public(),
        "input_order": list(spec.inputs),  # canonical JSON sorts keys, and forms follow the declared order
        "threshold": threshold,
        "labels": list(spec.target.classes),
        "held_out": dict(held_out_metrics),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "skops_sha256": sha256_hex(fitted),
        "golden_samples": [],
    }
    return _with_golden_answers(manifest, fitted, golden_rows), fitted


def with_threshold(manifest: bytes, fitted: bytes, threshold: float) -> bytes:
    """The manifest of the same model file deciding at another threshold; its golden samples are answered anew."""
    return _changed(manifest, fitted, threshold=threshold)


def with_recalibration(manifest: bytes, fitted: bytes, recalibration: Recalibration) -> bytes:
    """The manifest of the same model file with other probabilities, after what it had of this kind already.

    The threshold moves along, so that every decision stays; the golden samples are answered anew.
    """
    bundle = ModelBundle.from_bytes(manifest, fitted)
    if bundle.threshold is None:
        raise InvalidBundle("Only a model of two labels can be recalibrated.")
    moved = recalibration.probability(bundle.threshold)
    if not (EDGE < bundle.threshold < 1 - EDGE and EDGE < moved < 1 - EDGE):
        raise InvalidBundle(
            f"The threshold of {bundle.threshold:g} would become {moved:g}, where probabilities are not told apart.",
            advice="Retrain: two numbers do not put these probabilities right.",
        )
    steps = [one._asdict() for one in (*bundle.recalibrations, recalibration)]
    return _changed(manifest, fitted, threshold=moved, recalibrations=steps)


def _changed(manifest: bytes, fitted: bytes, **changes: Any) -> bytes:
    changed = {**json.loads(manifest), **changes}
    rows = ModelBundle.from_bytes(manifest, fitted).validate([sample["inputs"] for sample in changed["golden_samples"]])
    return _with_golden_answers(changed, fitted, rows)


def without_compiling(manifest: bytes, reason: str) -> bytes:
    """The manifest of a bundle that is never compiled, because its compiled answers were found to differ."""
    return canonical_json({**json.loads(manifest), "not_compiled": reason})


def record_metrics(manifest: bytes, held_out_metrics: Mapping[str, float]) -> bytes:
    """The manifest with what an assembled bundle was found to give on held-out rows."""
    return canonical_json({**json.loads(manifest), "held_out": dict(held_out_metrics)})


def _with_golden_answers(manifest: Mapping[str, Any], fitted: bytes, golden_rows: Sequence[Row]) -> bytes:
    bundle = ModelBundle.from_bytes(canonical_json(manifest), fitted)
    samples = [
        {"inputs": jsonable(row), "label": answer.label, "probability": answer.probability}
        for row, answer in zip(golden_rows, bundle.predict_by_pipeline(golden_rows), strict=True)
    ]
    return canonical_json({**manifest, "golden_samples": samples})
