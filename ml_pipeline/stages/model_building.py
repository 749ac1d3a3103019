"""Model building: fit the declared estimator, and tune the decision threshold on training folds."""

from typing import Any

from ml_pipeline.bundle import skops_files
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.learning.decision import TunedThreshold
from ml_pipeline.learning.matrix_files import read_matrix
from ml_pipeline.learning.recipe import fit_estimator, tune
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.spec import Decision, Estimator, Target
from ml_pipeline.stages.command import run_stage


def build(files: Artifacts, *, estimator: Estimator, decision: Decision, target: Target) -> None:
    """Fit to the training matrix; write the estimator and the threshold with what it gave on training folds."""
    matrix, labels = read_matrix(files.training_matrix)
    with single_threaded():
        fitted = fit_estimator(matrix, labels, estimator=estimator)
        tuned = tune(matrix, labels, estimator=estimator, decision=decision, target=target)
    write_bytes(files.estimator, skops_files.dump(fitted))
    write_bytes(files.threshold, readable_json(_described(tuned, decision)))


def run(model: str) -> None:
    """Fit the estimator of MODEL and tune its decision threshold."""
    spec = load_spec(model)
    build(Artifacts(model), estimator=spec.estimator, decision=spec.decision, target=spec.target)


def _described(tuned: TunedThreshold | None, decision: Decision) -> dict[str, Any]:
    """A multi-class model has no threshold: it answers the likeliest label."""
    if tuned is None:
        return {"threshold": None, "objective": None, "training_folds": {}, "curve": []}
    return {
        "threshold": tuned.threshold,
        "objective": decision.objective,
        "training_folds": tuned.metrics,
        "curve": tuned.curve.points(),
    }


if __name__ == "__main__":
    run_stage("model_building", run)
