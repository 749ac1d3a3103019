"""Models with real held-out rows, and traffic as their champion's processes log it."""

import gzip
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from django.utils import timezone

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.judgement import Yardstick, judge_held_out
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import LabelledRows, write_labelled
from ml_pipeline.scores import HeldOutScores, write_scores
from predictions.models import Prediction
from registry_ui.models import BackgroundTask, DriftReport, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.candidates import candidate_import
from registry_ui.services.drift import drift_request
from tests.bundles import build_bundle
from tests.registry_ui.candidates import write_candidate

FITTED = 1_200


@cache
def snapshot(name: str) -> list[dict[str, Any]]:
    """A bundled collection."""
    with gzip.open(PROJECT_ROOT / "data" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@cache
def sentiment(rows: int = 1_600) -> tuple[ModelBundle, LabelledRows, HeldOutScores]:
    """The declared model, fitted on some reviews, with its answers to others."""
    bundle = ModelBundle.from_bytes(*build_bundle("sentiment", rows=FITTED))
    # A fit takes the first documents of each label; those far behind them are its to be judged on.
    documents = [one for one in snapshot("movie_reviews")[-2_500:] if one["rating"]][:rows]
    labels = [bundle.labels.index("positive" if one["rating"] > 0 else "negative") for one in documents]
    checked = bundle.validate([{"text": one["text"]} for one in documents])
    held_out = LabelledRows([one["_id"] for one in documents], checked, labels)
    yardstick = Yardstick.of_public({**bundle.manifest["spec"], "evaluation": {"bootstrap": 100}})
    return bundle, held_out, judge_held_out(bundle, held_out, yardstick=yardstick, champion=None).scores


def import_sentiment(root: Path, *, monitoring: dict[str, Any] | None = None) -> ModelVersion:
    """Register it as a run of the pipeline does: as the first version it is the champion."""
    bundle, held_out, scores = sentiment()
    write_candidate(root, model="sentiment", files=build_bundle("sentiment", rows=FITTED))
    files = Artifacts("sentiment")
    write_labelled(root / files.held_out_rows, held_out, fields=bundle.inputs)
    write_scores(root / files.scores, scores)
    recommendation = json.loads((root / files.recommendation).read_bytes())
    write_bytes(root / files.recommendation, readable_json({**recommendation, "monitoring": monitoring or {}}))
    return candidate_import(model="sentiment", root=root, actor=Actor.operator("test"), published=None).version


def log_texts(version: ModelVersion, texts: Sequence[str], *, keep: bool = True, **more: Any) -> list[UUID]:
    """The champion's answers to these texts, a second apart, the last one now."""
    bundle, _, _ = sentiment()
    answers = bundle.predict(bundle.validate([{"text": text} for text in texts]))
    rows = [
        {
            "inputs": {"text": text} if keep else None,
            "label": answer.label,
            "probability": answer.probability,
            "threshold": answer.threshold,
        }
        for text, answer in zip(texts, answers, strict=True)
    ]
    return log_rows(version, rows, **more)


def log_rows(
    version: ModelVersion, rows: Sequence[dict[str, Any]], *, at: datetime | None = None, route: str = "champion"
) -> list[UUID]:
    end = at or timezone.now()
    logged = [
        Prediction(
            id=uuid4(),
            created_at=end - timedelta(seconds=len(rows) - place),
            model=version.model,
            version=version.number,
            bundle=version.bundle_hash,
            route=route,
            latency_us=100,
            **row,
        )
        for place, row in enumerate(rows)
    ]
    Prediction.objects.bulk_create(logged)
    return [one.pk for one in logged]


def undrifted_texts(count: int, seed: int = 0) -> list[str]:
    """Reviews that were neither learned nor held out."""
    reviews = [one["text"] for one in snapshot("movie_reviews")[-4_500:-2_500]]
    return [reviews[place] for place in np.random.default_rng(seed).permutation(len(reviews))[:count]]


def tweet_texts(count: int) -> list[str]:
    return [one["text"] for one in snapshot("tweets")[:count]]


def evaluated(model: str = "sentiment") -> DriftReport:
    """Ask for an evaluation, and do it as a worker does."""
    task = drift_request(model=model, actor=Actor.operator("test"))
    task_execute(task_id=task.pk, kinds=KINDS)
    task = BackgroundTask.objects.get(pk=task.pk)
    assert task.state == "succeeded", task.error
    return DriftReport.objects.get(pk=task.result["report"])
