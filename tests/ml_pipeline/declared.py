"""A small declared model in a folder of its own, with the documents that a test gives it."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ml_pipeline.spec import ModelSpec

MODEL = "tickets"
DAY = "2026-03-03T14:00:00.123Z"


def block(**changes: Any) -> dict[str, Any]:
    """The model's block, with whole sections changed."""
    return {
        "about": {"title": "Tickets"},
        "source": {"collection": "tickets", "snapshot": "tickets.jsonl.gz", "batch_size": 100},
        "inputs": {
            "text": {"type": "text", "min_length": 0, "max_length": 50},
            "price": {"type": "number", "minimum": 0, "maximum": 100, "optional": True},
            "count": {"type": "integer", "optional": True, "default": 7},
            "paid": {"type": "boolean", "optional": True},
            "colour": {"type": "category", "values": ["red", "blue"], "optional": True},
            "sent_at": {"type": "datetime", "optional": True},
        },
        "attributes": {"shop": {"type": "category", "optional": True}},
        "target": {"field": "kind", "labels": ["good", "bad"], "positive": "bad"},
        "contract": {"minimum_rows": 2, "minimum_label_share": 0.1, "quarantine_share": 0.2},
        "cleaning": {},
        "split": {},
        "features": {"blocks": [{"kind": "numeric", "columns": ["price"]}]},
        "estimator": {"family": "logistic_regression"},
        "decision": {},
        "evaluation": {},
        "promotion": {},
        "retraining": {},
        "rollout": {},
        "monitoring": {},
        "serving": {},
    } | changes


def spec(**changes: Any) -> ModelSpec:
    return ModelSpec.parse(MODEL, block(**changes))


def document(number: int, **changes: Any) -> dict[str, Any]:
    """A good document, as a snapshot's JSON carries it. A change to None is a null."""
    return {
        "_id": f"{number:06}",
        "text": f"ticket {number}",
        "price": number % 100,
        "count": number,
        "paid": number % 2 == 0,
        "colour": "red",
        "sent_at": DAY,
        "shop": "north",
        "kind": "bad" if number % 2 else "good",
    } | changes


def declare(folder: Path, documents: Sequence[Mapping[str, Any]], **changes: Any) -> None:
    """Write `params.yaml` and the snapshot into a folder."""
    with (folder / "params.yaml").open("w") as stream:
        YAML(typ="safe", pure=True).dump({"models": {MODEL: block(**changes)}}, stream)
    write_snapshot(folder / "tickets.jsonl.gz", documents)


def ignore(_line: str) -> None:
    """A report to nobody."""


def write_snapshot(path: Path, documents: Sequence[Mapping[str, Any]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(entry) + "\n" for entry in documents).encode()))
