"""Sixth stage: compare candidate and champion, write a recommendation, register the version. It makes nothing live."""

import json
from typing import Any

from ml_pipeline.baseline import read_baseline
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.recommendation import recommendation
from ml_pipeline.scores import read_scores
from ml_pipeline.spec import ModelSpec
from ml_pipeline.stages.command import run_stage, say
from ml_pipeline.tracking.publish import publish_version


def register(model: str) -> None:
    """Write the recommendation, then make sure that run and version stand on the tracking server."""
    artifacts = Artifacts(model)
    recommended = recommend(artifacts, load_spec(model))
    write_bytes(artifacts.recommendation, readable_json(recommended))
    version = publish_version(artifacts)
    say(f"registration {model}: version {version}, verdict {recommended['verdict']}")
    say("\n".join(f"  {reason}" for reason in recommended["reasons"]))


def recommend(artifacts: Artifacts, spec: ModelSpec) -> dict[str, Any]:
    """What the files of `artifacts` and the policy of `spec` recommend, and the policies that the registry reads."""
    recommended = recommendation(
        report=json.loads(artifacts.report.read_bytes()),
        metrics=json.loads(artifacts.metrics.read_bytes()),
        scores=read_scores(artifacts.scores),
        champion=read_baseline(artifacts.baseline),
        promotion=spec.promotion,
        rollout=spec.rollout,
        draws=spec.evaluation.bootstrap,
    )
    watched = {"retraining": spec.retraining, "monitoring": spec.monitoring}
    return {**recommended, **{name: policy.model_dump(mode="json") for name, policy in watched.items()}}


if __name__ == "__main__":
    run_stage("registration", register)
