"""First versions: every declared model without a live one is trained through the pipeline, imported and decided."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import close_old_connections

from codesoft.launch.checks import CannotStart
from ml_pipeline.errors import CodesoftError
from ml_pipeline.params import declared_models, load_spec
from predictions.models import Deployment
from registry_ui.services.runs import execute_run, request_run

TRIGGER = "bootstrap"
_SIDE_BY_SIDE = 2


def models_without_version() -> list[str]:
    """Declared models that nothing serves; InvalidSpec names what is wrong in `params.yaml` before any work starts."""
    declared = declared_models()
    for model in declared:
        load_spec(model)
    served = Deployment.objects.filter(champion_version__isnull=False).values_list("model", flat=True)
    return [model for model in declared if model not in set(served)]


def train_first_versions(models: Sequence[str]) -> None:
    """Run the pipeline for each model, two side by side, with a line a stage; CannotStart names those that failed."""
    if not models:
        return
    sys.stdout.write(f"Training {len(models)} models through the six pipeline stages (about two minutes) …\n")
    report = Report(time.monotonic())
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        failures = [fault for fault in pool.map(lambda model: _train(model, report), models) if fault]
    if failures:
        raise CannotStart(
            "No first version: " + " ".join(failures),
            advice="Correct the cause and run again; finished stages are kept.",
        )


def _train(model: str, report: "Report") -> str | None:
    try:
        run = request_run(model=model, trigger=TRIGGER, actor=f"system:{TRIGGER}")
        execute_run(run_id=run.pk, on_stages=lambda stages: report.show(model, stages))
        run.refresh_from_db()
        if run.state != "succeeded":
            return f"{model}: {run.error or run.state}."
        report.say(f"{model}: version {run.version.number if run.version else '?'}, {_decision(model)}")
    except CodesoftError as error:
        return f"{model}: {error}"
    finally:
        close_old_connections()
    return None


def _decision(model: str) -> str:
    live = Deployment.objects.filter(model=model, champion_version__isnull=False).exists()
    return "live" if live else "not live: it missed a floor of its promotion policy"


@dataclass
class Report:
    """Progress for a person: seconds since the start, model, stage, how long it took. Safe to call from threads."""

    started: float
    write: Callable[[str], Any] = sys.stdout.write
    _shown: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def show(self, model: str, stages: Sequence[dict[str, Any]]) -> None:
        for record in stages:
            key = (model, record["stage"])
            if record["state"] != "running" and key not in self._shown:
                self._shown.add(key)
                self.say(f"{model:<12} {record['stage']:<20} {record['state']:<10} {record['seconds']:5.1f} s")

    def say(self, line: str) -> None:
        with self._lock:
            self.write(f"{time.monotonic() - self.started:6.1f} s  {line}\n")
            sys.stdout.flush()
