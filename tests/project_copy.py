"""A copy of the project's own files, so that a test may change declarations and add models."""

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml_pipeline.environment import PROJECT_ROOT


def copy_project(target: Path) -> Path:
    """What git would keep of the working tree, as a checkout of its own."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listing.split("\0")):
        if (PROJECT_ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT_ROOT / name, target / name)
    return target


def write_snapshot(path: Path, documents: Iterable[dict[str, Any]]) -> None:
    """Gzip-compressed JSON lines in `_id` order, as the bundled snapshots are."""
    ordered = sorted(documents, key=lambda document: document["_id"])
    path.write_bytes(gzip.compress("".join(json.dumps(document) + "\n" for document in ordered).encode(), mtime=0))


def wine_documents() -> list[dict[str, Any]]:
    """scikit-learn's wine data as documents: 13 measurements and a cultivar, one of three."""
    from sklearn.datasets import load_wine

    wine = load_wine()
    names = [name.replace("/", "_") for name in wine.feature_names]
    return [
        {"_id": hashlib.sha256(str(number).encode()).hexdigest()[:24]}
        | dict(zip(names, map(float, row), strict=True))
        | {"cultivar": f"class_{label}"}
        for number, (row, label) in enumerate(zip(wine.data, wine.target, strict=True))
    ]


def wine_block() -> str:
    """The block that declares it in `params.yaml`."""
    names = [name for name in wine_documents()[0] if name not in ("_id", "cultivar")]
    inputs = "\n".join(f"      {name}: {{type: number, minimum: 0, optional: true}}" for name in names)
    return f"""
  wine:
    about: {{title: Wine cultivar, description: Which of three cultivars was a wine made from?}}
    source: {{collection: wine, snapshot: data/wine.jsonl.gz}}
    inputs:
{inputs}
    attributes: {{}}
    target: {{field: cultivar, labels: [class_0, class_1, class_2]}}
    contract: {{minimum_rows: 100}}
    cleaning: {{}}
    split: {{by: hash, held_out: 0.3}}
    features: {{blocks: [{{kind: numeric, columns: [{", ".join(names)}]}}]}}
    estimator: {{family: logistic_regression, params: {{C: 1.0}}}}
    decision: {{objective: accuracy}}
    evaluation: {{}}
    promotion: {{mode: manual, metric: accuracy, floors: {{accuracy: 0.8}}}}
    retraining: {{}}
    rollout: {{}}
    monitoring: {{}}
    serving: {{}}
"""


def add_wine(project: Path) -> None:
    """A fourth model: a block and a collection, no code."""
    write_snapshot(project / "data" / "wine.jsonl.gz", wine_documents())
    with (project / "params.yaml").open("a") as stream:
        stream.write(wine_block())
