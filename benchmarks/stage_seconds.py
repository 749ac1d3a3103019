"""Where the pipeline's time goes: `python -m benchmarks.stage_seconds` in a checkout whose pipeline has run once.

Each stage of each model runs again as DVC would start it. Import: seconds until the stage's modules are loaded, the
least of three. Work: the CPU seconds beyond that. Elapsed seconds depend on what else the machine does; CPU less so.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

from ml_pipeline.params import declared_models

STAGES = ("ingestion", "preprocessing", "feature_engineering", "model_building", "evaluation", "registration")


def measured(*command: str) -> tuple[float, float]:
    """CPU and elapsed seconds of a Python process, against a tracking store of its own."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as var:
        os.environ["VAR_DIR"] = var
        print(f"{'stage':<20} {'model':<10} {'import':>7} {'work':>7} {'elapsed':>8}")
        total = 0.0
        for stage in STAGES:
            load = min(measured("-c", f"import ml_pipeline.stages.{stage}")[0] for _ in range(3))
            for model in declared_models():
                cpu, elapsed = measured("-m", f"ml_pipeline.stages.{stage}", model)
                total += cpu
                print(f"{stage:<20} {model:<10} {load:7.1f} {max(cpu - load, 0.0):7.1f} {elapsed:8.1f}")
        print(f"{'all':<20} {'':<10} {total:15.1f} CPU seconds")


if __name__ == "__main__":
    main()
