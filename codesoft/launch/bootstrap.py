"""First versions: every declared model without a live one is trained through the pipeline, imported and decided."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import close_old_connections

from codesoft.launch.checks import CannotStart
from ml_pipeline.errors import CodesoftError
from ml_pipeline.params import declared_models, load_spec
from ml_pipeline.running.job import JobResult, run_job
from predictions.models import Deployment
from registry_ui.models import Trigger
from registry_ui.selectors import active_run
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.execution import run_execute
from registry_ui.services.runs import run_cancel, run_request

_ACTOR = "bootstrap"
_WHY = "the first start: nothing served"
_SIDE_BY_SIDE = 2


def models_without_version() -> list[str]:
    """Declared models that nothing serves; InvalidSpec names what is wrong in `params.yaml` before any work starts."""
    declared = declared_models()
    for model in declared:
        load_spec(model)
    served = Deployment.objects.filter(champion_version__isnull=False).values_list("model", flat=True)
    return [model for model in declared if model not in set(served)]


def train_first_versions(models: Sequence[str]) -> None:
    """Run the pipeline for each model, two side by side, with a line a stage; CannotStart names those that failed.

    An interrupt ends the stages at once; what they finished stays in the cache.
    """
    if not models:
        return
    sys.stdout.write(f"Training {', '.join(models)} through the six pipeline stages (about two minutes) …\n")
    report, stopping = Report(time.monotonic()), threading.Event()
    pool = ThreadPoolExecutor(_SIDE_BY_SIDE)
    try:
        trainings = [pool.submit(_train, model, report, stopping) for model in models]
        failures = [fault for training in trainings if (fault := training.result())]
    finally:
        stopping.set()
        pool.shutdown(cancel_futures=True)
    if failures:
        raise CannotStart(
            "No first version: " + " ".join(failures), advice="Correct it and run again; finished stages are kept."
        )


def _train(model: str, report: "Report", stopping: threading.Event) -> str | None:
    """One model's first run, executed here because no worker runs yet; the fault's text if it failed."""

    def job(model: str, workspace: Path, **callbacks: Any) -> JobResult:
        should_stop, keep = callbacks.pop("should_stop"), callbacks.pop("on_stages")

        def on_stages(stages: list[dict[str, Any]]) -> None:
            report.show(model, stages)
            keep(stages)

        return run_job(
            model, workspace, on_stages=on_stages, should_stop=lambda: stopping.is_set() or should_stop(), **callbacks
        )

    actor = Actor.system(_ACTOR)
    try:
        deployment_ensure(model=model)
        if (abandoned := active_run(model=model)) is not None:  # this process holds the state folder: nobody runs it
            run_cancel(model=model, run_id=abandoned.pk, actor=actor)
        run = run_request(model=model, trigger=Trigger.COMMAND, why=_WHY, actor=actor)
        version = run_execute(run_id=run.pk, job=job)
        run.refresh_from_db()
        if version is None:
            return f"{model}: {run.error or run.get_state_display()}"
        report.say(f"{model}: version {version.number} is {_decision(model)}")
    except CodesoftError as error:
        return f"{model}: {error}"
    finally:
        close_old_connections()
    return None


def _decision(model: str) -> str:
    live = Deployment.objects.filter(model=model, champion_version__isnull=False).exists()
    return "live" if live else "not live: its promotion policy refused it (see the registry)"


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
