"""A model's evaluation as the pipeline leaves it, small: a real bundle over a handful of rows, and its reports."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ml_pipeline.bundle.files import write_bundle
from ml_pipeline.bundle.writing import assemble_bundle
from ml_pipeline.canonical import readable_json, sha256_hex, write_bytes
from ml_pipeline.inputs import validate_rows
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.estimators import build_estimator
from ml_pipeline.learning.metrics import Scored
from ml_pipeline.paths import Artifacts
from ml_pipeline.scores import HeldOutScores, write_scores
from ml_pipeline.spec import Estimator, ModelSpec

MODEL = "mortgage"


@dataclass(frozen=True)
class BundleBytes:
    manifest: bytes
    model: bytes

    @property
    def hash(self) -> str:
        return sha256_hex(self.manifest)

    def write(self, folder: Path) -> None:
        write_bundle(folder, self.manifest, self.model)


BLOCK = {
    "about": {"title": "Mortgage denial"},
    "source": {"collection": "applications"},
    "inputs": {"ratio": {"type": "number"}, "single": {"type": "category", "values": ["yes", "no"]}},
    "attributes": {},
    "target": {"field": "denied", "labels": ["yes", "no"], "positive": "yes"},
    "contract": {},
    "cleaning": {},
    "split": {},
    "features": {"blocks": [{"kind": "numeric", "columns": ["ratio"]}, {"kind": "one_hot", "columns": ["single"]}]},
    "estimator": {"family": "logistic_regression"},
    "decision": {},
    "evaluation": {"bootstrap": 200},
    "promotion": {"metric": "accuracy", "floors": {"accuracy": 0.85}},
    "retraining": {},
    "rollout": {},
    "monitoring": {},
    "serving": {},
}


def spec(**sections: Any) -> ModelSpec:
    """The small model's declaration, with whole sections changed."""
    return ModelSpec.parse(MODEL, BLOCK | sections)


@cache
def small_bundle(strength: float = 1.0) -> BundleBytes:
    """A bundle fitted on forty invented rows; another `strength` is another bundle."""
    declared = spec()
    rows = [{"ratio": 0.1 + i / 50, "single": "yes" if i % 3 else "no"} for i in range(40)]
    encoder = Encoder(declared.features.blocks, declared.cleaning).fit(validate_rows(declared.inputs, rows))
    estimator = build_estimator(Estimator(family="logistic_regression", params={"C": strength}))
    estimator.fit(encoder.transform(validate_rows(declared.inputs, rows)), np.array([i > 20 for i in range(40)], int))
    return BundleBytes(
        *assemble_bundle(
            model=MODEL,
            spec=declared,
            encoder=encoder,
            estimator=estimator,
            threshold=0.5,
            held_out_metrics={"f1": 0.5},
            golden_rows=validate_rows(declared.inputs, rows[:2]),
        )
    )


def write_evaluation(root: Path, *, data_hash: str = "d" * 64, bundle: BundleBytes | None = None) -> BundleBytes:
    """Leave an evaluation of `MODEL` under `root`, as its stage would."""
    bundle = bundle or small_bundle()
    artifacts = Artifacts(MODEL)
    bundle.write(root / artifacts.bundle)
    report = {
        "model": MODEL,
        "bundle_hash": bundle.hash,
        "data_hash": data_hash,
        "rows": 200,
        "threshold": 0.5,
        "metrics": {
            "f1": {"value": 0.5, "low": 0.4, "high": 0.6},
            "accuracy": {"value": 0.9, "low": 0.8, "high": 0.95},
        },
        "slices": {},
        "backtest": None,
        "parameters": {"estimator.family": "logistic_regression", "estimator.params.C": 1.0},
        "champion": None,
    }
    write_bytes(root / artifacts.report, readable_json(report))
    write_bytes(root / artifacts.metrics, readable_json({"f1": 0.5, "accuracy": 0.9}))
    curve = [{"false_positive_rate": step / 10, "true_positive_rate": (step / 10) ** 0.5} for step in range(11)]
    write_bytes(root / artifacts.plots / "roc.json", readable_json(curve))
    pairs = [{"actual": "yes", "predicted": "no"}, {"actual": "no", "predicted": "no"}]
    write_bytes(root / artifacts.plots / "confusion.json", readable_json(pairs))
    return bundle


def write_held_out_scores(root: Path, *, candidate_right: int, champion_right: int | None, rows: int = 200) -> None:
    """Scores in which each model decides that many of the rows rightly; both labels are equally frequent."""
    labels = np.arange(rows) % 2

    def scored(right: int) -> Scored:
        decisions = np.where(np.arange(rows) < right, labels, 1 - labels)
        positive = np.where(decisions == 1, 0.9, 0.1)
        return Scored(labels, decisions, np.column_stack([1 - positive, positive]))

    compared = np.full(rows, champion_right is not None)
    champion = None if champion_right is None else scored(champion_right)
    scores = HeldOutScores([str(i) for i in range(rows)], scored(candidate_right), compared, champion)
    write_scores(root / Artifacts(MODEL).scores, scores)


def set_metrics(root: Path, **metrics: float) -> None:
    path = root / Artifacts(MODEL).metrics
    write_bytes(path, readable_json(json.loads(path.read_bytes()) | metrics))
