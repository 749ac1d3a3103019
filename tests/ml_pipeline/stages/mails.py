"""A small model of mails, declared in the current folder, with ingested documents: what the later stages start from."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.stages import evaluation, feature_engineering, model_building, preprocessing

MODEL = "mails"
FILES = Artifacts(MODEL)
DATA_HASH = "d" * 64
START = datetime(2026, 6, 1, tzinfo=UTC)
_SPAM, _HAM = ("offer", "winner", "cash", "free", "pills"), ("meeting", "report", "lunch", "review", "thanks")
_COMMON = tuple(f"word{number}" for number in range(40))

Document = dict[str, Any]


def block(**changes: Any) -> dict[str, Any]:
    """The model's block, with whole sections changed."""
    return {
        "about": {"title": "Mails"},
        "source": {"collection": "mails"},
        "inputs": {
            "body": {"type": "text", "max_length": 2000},
            "size": {"type": "number", "optional": True},
            "sent_at": {"type": "datetime", "optional": True},
        },
        "attributes": {"team": {"type": "category", "optional": True}},
        "target": {"field": "kind", "labels": ["spam", "ham"], "positive": "spam"},
        "contract": {},
        "cleaning": {"body": ["lowercase"]},
        "split": {"held_out": 0.3, "backtest": {"field": "sent_at", "from": START.isoformat()}},
        "features": {
            "blocks": [{"kind": "word_ngrams", "columns": ["body"]}, {"kind": "numeric", "columns": ["size"]}]
        },
        "estimator": {"family": "logistic_regression"},
        "decision": {"objective": "f1"},
        "evaluation": {"slices": ["team"], "bootstrap": 100, "golden_samples": 4},
        "promotion": {},
        "retraining": {},
        "rollout": {},
        "monitoring": {},
        "serving": {},
    } | changes


def documents(count: int = 240) -> list[Document]:
    """Mails that can be told apart, mostly; every 30th label is wrong."""
    generator = np.random.default_rng(4)
    made = []
    for number in range(count):
        spam = number % 3 == 0
        words = [*generator.choice(_SPAM if spam else _HAM, size=2), *generator.choice(_COMMON, size=8)]
        made.append(
            {
                "_id": hashlib.sha256(str(number).encode()).hexdigest()[:24],
                "body": " ".join(words).capitalize(),
                "size": None if number % 9 == 0 else float(generator.integers(1, 100)),
                "sent_at": START + timedelta(days=number % 40 - 20, hours=number),
                "team": ["north", "south", None][number % 3] if number % 2 else "west",
                "kind": "ham" if spam == (number % 30 == 0) else "spam",
            }
        )
    return sorted(made, key=lambda document: str(document["_id"]))


def declare(**changes: Any) -> None:
    with Path("params.yaml").open("w") as stream:
        YAML(typ="safe", pure=True).dump({"models": {MODEL: block(**changes)}}, stream)


def ingest(made: Sequence[Mapping[str, Any]]) -> None:
    """Write what ingestion would have written."""
    types = {"size": pa.float64(), "sent_at": pa.timestamp("ms", tz="UTC")}
    columns = {
        name: pa.array([document[name] for document in made], types.get(name, pa.string()))
        for name in ("_id", "body", "size", "sent_at", "team", "kind")
    }
    FILES.documents.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), FILES.documents)
    write_bytes(FILES.ingestion_report, readable_json({"data_hash": DATA_HASH}))
    write_bytes(FILES.baseline, readable_json({"champion": None}))


def train() -> None:
    """The stages up to model building."""
    for stage in (preprocessing, feature_engineering, model_building):
        stage.run(MODEL)


def evaluate() -> None:
    """Evaluation without its publishing."""
    with single_threaded():
        evaluation.evaluate(FILES, load_spec(MODEL))


def written(*stages: str) -> dict[str, bytes]:
    """Every file that these stages wrote."""
    return {
        str(path): path.read_bytes()
        for stage in stages
        for path in sorted((FILES.root / stage).rglob("*"))
        if path.is_file()
    }
