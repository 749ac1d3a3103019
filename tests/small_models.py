"""A copy of the project that declares small tabular models alone: a whole run of one costs imports and little else."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.project_copy import copy_project, write_snapshot

_ROWS = 200


def small_project(folder: Path, models: Sequence[str]) -> Path:
    project = copy_project(folder)
    for name in ("data", "baseline"):
        shutil.rmtree(project / name, ignore_errors=True)
    (project / "data").mkdir()
    (project / "dvc.lock").unlink(missing_ok=True)
    (project / "params.yaml").write_text("models:\n" + "".join(map(small_block, models)))
    for model in models:
        write_snapshot(project / "data" / f"{model}.jsonl.gz", _documents())
    return project


def small_block(model: str, strength: str = "1.0") -> str:
    """A tabular model of three numbers and 200 rows."""
    return f"""
  {model}:
    about: {{title: Small}}
    source: {{collection: {model}, snapshot: data/{model}.jsonl.gz}}
    inputs: {{a: {{type: number}}, b: {{type: number}}, c: {{type: number}}}}
    attributes: {{}}
    target: {{field: label, labels: [good, bad], positive: bad}}
    contract: {{minimum_rows: 50}}
    cleaning: {{}}
    split: {{by: hash, held_out: 0.3}}
    features: {{blocks: [{{kind: numeric, columns: [a, b, c]}}]}}
    estimator: {{family: logistic_regression, params: {{C: {strength}}}}}
    decision: {{objective: accuracy, folds: 2}}
    evaluation: {{bootstrap: 100, golden_samples: 2}}
    promotion: {{mode: manual}}
    retraining: {{}}
    rollout: {{}}
    monitoring: {{}}
    serving: {{}}
"""


def _documents() -> list[dict[str, object]]:
    numbers = range(_ROWS)
    return [
        {
            "_id": f"{number:06}",
            "a": number % 7,
            "b": number * 37 % 101,
            "c": number % 3,
            "label": "bad" if (number * 37 % 101) + 5 * (number % 7) > 65 else "good",
        }
        for number in numbers
    ]
