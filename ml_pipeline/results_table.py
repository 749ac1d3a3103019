"""The README's table of results, written from what evaluation left, so that no figure is typed by hand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_pipeline.canonical import write_bytes
from ml_pipeline.paths import Artifacts

_BEGIN, _END = "<!-- results:begin -->\n", "<!-- results:end -->"
_HEAD = """\
| Model | Held-out rows | Accuracy | F1 | ROC AUC | Brier | Majority | Accuracy on training folds | Backtest by time |
|---|---|---|---|---|---|---|---|---|
"""


def write_results(models: Sequence[str], *, folder: Path, readme: Path) -> None:
    """Replace the table between the markers in `readme`; a file without markers stays as it is."""
    text = readme.read_text(encoding="utf-8")
    before, found, rest = text.partition(_BEGIN)
    _, closed, after = rest.partition(_END)
    if found and closed:
        table = _HEAD + "".join(_row(model, folder) for model in models)
        write_bytes(readme, (before + _BEGIN + table + _END + after).encode())


def _row(model: str, folder: Path) -> str:
    report = _read(folder / Artifacts(model).report)
    folds = _read(folder / Artifacts(model).threshold).get("training_folds") or {}
    metrics = report["metrics"]
    backtest = report["backtest"]
    cells = [
        f"`{model}`",
        f"{report['rows']['held_out']['rows']:,}",
        _interval(metrics["accuracy"]),
        _interval(metrics["f1"]),
        f"{metrics['roc_auc']['value']:.3f}",
        f"{metrics['brier']['value']:.3f}",
        f"{report['reference']['majority_accuracy']:.3f}",
        f"{folds['accuracy']:.3f}" if "accuracy" in folds else "",
        f"F1 {_interval(backtest['metrics']['f1'])}" if backtest else "",
    ]
    return f"| {' | '.join(cells)} |\n"


def _interval(metric: dict[str, float]) -> str:
    """Value and 95 % bootstrap interval."""
    return f"**{metric['value']:.3f}** ({metric['low']:.3f} to {metric['high']:.3f})"


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content
