"""Compiled scorers beside the scikit-learn pipeline: `python -m benchmarks.scorers` where the pipeline has run once.

CPU microseconds a row for held-out rows of the bundled models, one row a call and a hundred: medians of rounds in which
both take turns. `explain` is an answer with its explanation, the ratio beside it that to an answer alone. Words
that a process has not seen lately cost more: `new rows` are all held-out rows by the hundred, by a bundle just loaded.
Valid rows a second counts validation and scoring of batches. Memory is what a fresh process that loads the bundles one
after the other grows by.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.inputs import Row
from ml_pipeline.params import declared_models
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import read_labelled

ROWS, BATCH, ROUNDS = 100, 100, 9
Call = Callable[[], object]

GROWTH = """
import re, sys
from pathlib import Path
from ml_pipeline.bundle.model_bundle import ModelBundle

def kilobytes():
    return int(re.search(r"Pss:\\s+(\\d+)", Path("/proc/self/smaps_rollup").read_text()).group(1))

before = kilobytes()
print(f"{'before':<10} {before / 1024:6.1f} MB")
kept = []
for folder in sys.argv[1:]:
    kept.append(ModelBundle.load(Path(folder)))
    kept[-1].prove()
    after = kilobytes()
    print(f"{kept[-1].model:<10} {(after - before) / 1024:+6.1f} MB")
    before = after
"""


def microseconds(calls: Sequence[Call]) -> list[list[float]]:
    """CPU microseconds a row of each call, which answers all rows; the calls take turns."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, times in zip(calls, taken, strict=True):
            started = time.process_time()
            call()
            times.append((time.process_time() - started) / ROWS * 1e6)
    return taken


def first_time(bundle: ModelBundle, rows: Sequence[Row]) -> float:
    """CPU microseconds a row of batches that the bundle is asked one after the other, each once: the median batch."""
    taken = []
    for start in range(0, len(rows) - BATCH + 1, BATCH):
        started = time.process_time()
        bundle.predict(rows[start : start + BATCH])
        taken.append((time.process_time() - started) / BATCH * 1e6)
    return statistics.median(taken)


def measure(model: str) -> None:
    files = Artifacts(model)
    bundle = ModelBundle.load(files.bundle)
    held_out = read_labelled(files.held_out_rows, fields=bundle.inputs).rows
    raw: list[dict[str, Any]] = [{name: row[name] for name in bundle.inputs} for row in held_out]
    everything, rows, raw = bundle.validate(raw), bundle.validate(raw[:ROWS]), raw[:ROWS]
    difference = np.abs(bundle.probabilities(everything) - np.array(bundle.pipeline.probabilities(everything))).max()
    taken = microseconds(
        [
            lambda: [bundle.predict([row]) for row in rows],
            lambda: [bundle.predict_by_pipeline([row]) for row in rows],
            lambda: bundle.predict(rows),
            lambda: bundle.predict_by_pipeline(rows),
            lambda: bundle.predict(bundle.validate(raw)),
            lambda: [bundle.contributions(row) for row in rows],
            lambda: [bundle.explain([row]) for row in rows],
        ]
    )
    one, piped, many, piped_many, served, apart, explained = map(statistics.median, taken)
    new = first_time(ModelBundle.load(files.bundle), everything)
    ratio = statistics.median(theirs / ours for ours, theirs in zip(taken[0], taken[1], strict=True))
    more = statistics.median(theirs / ours for ours, theirs in zip(taken[0], taken[6], strict=True))
    print(
        f"{model:<10} {bundle.scorer:<9} {one:8.1f} {piped:9.1f} {ratio:6.1f} {many:9.1f} {piped_many:9.1f} "
        f"{new:9.1f} {1e6 / served:10,.0f} {apart:10.1f} {explained:10.1f} {more:6.1f} {difference:9.0e}"
    )


def main() -> None:
    models = declared_models()
    print(
        f"{'model':<10} {'scorer':<9} {'single':>8} {'pipeline':>9} {'ratio':>6} {f'{BATCH} rows':>9} {'pipeline':>9} "
        f"{'new rows':>9} {'valid/s':>10} {'contrib.':>10} {'explain':>10} {'ratio':>6} {'differ':>9}"
    )
    for model in models:
        measure(model)
    folders = [str(Path(Artifacts(model).bundle)) for model in models]
    print(subprocess.run([sys.executable, "-c", GROWTH, *folders], check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
