"""The evaluation's plots as PNG pictures, so that people see them on the tracking server.

A plot is a JSON list of records, as DVC reads it: numbers over the first field, or `actual`/`predicted` pairs.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

_PAIR = ("actual", "predicted")


def draw_plots(plots: Path, folder: Path) -> list[Path]:
    """One picture for each plot that holds records, by name, into `folder`."""
    return [
        picture
        for path in sorted(plots.glob("*.json"))
        if (records := _records(path)) and (picture := _draw(path.stem, records, folder / f"{path.stem}.png"))
    ]


def _records(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_bytes())
    if isinstance(content, dict):  # DVC also takes the list as the one value of a mapping
        content = next((value for value in content.values() if isinstance(value, list)), [])
    return [record for record in content if isinstance(record, dict)]


def _draw(name: str, records: list[dict[str, Any]], target: Path) -> Path | None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(6, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(name.replace("_", " "))
    if all(field in records[0] for field in _PAIR):
        _draw_confusion(axes, records)
    elif not _draw_lines(axes, records):
        return None
    figure.savefig(target, metadata={"Software": None})
    return target


def _draw_lines(axes: Any, records: list[dict[str, Any]]) -> bool:
    """Every numeric field over the first one, a curve for each word where a field tells curves apart."""
    numeric = [key for key in records[0] if all(_is_number(record.get(key)) for record in records)]
    if len(numeric) < 2:
        return False
    words = [key for key in records[0] if isinstance(records[0][key], str)]
    x, *ys = numeric
    for group in dict.fromkeys(tuple(record.get(key) for key in words) for record in records):
        own = [record for record in records if tuple(record.get(key) for key in words) == group]
        for y in ys:
            label = " ".join([*(str(part) for part in group), *([y.replace("_", " ")] if len(ys) > 1 else [])])
            axes.plot([r[x] for r in own], [r[y] for r in own], marker="." if len(own) < 40 else "", label=label)
    axes.set_xlabel(x.replace("_", " "))
    axes.set_ylabel(ys[0].replace("_", " ") if len(ys) == 1 else "")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small")
    return True


def _draw_confusion(axes: Any, records: list[dict[str, Any]]) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for record in records:
        counts[str(record["actual"]), str(record["predicted"])] += int(record.get("count", 1))
    labels = sorted({label for pair in counts for label in pair})
    table = [[counts[actual, predicted] for predicted in labels] for actual in labels]
    axes.imshow(table, cmap="Blues")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    half = max(map(max, table)) / 2
    for row, line in enumerate(table):
        for column, count in enumerate(line):
            axes.text(column, row, count, ha="center", va="center", color="white" if count > half else "black")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
