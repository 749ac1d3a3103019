"""One pipeline run of one model in a prepared workspace: reproduce, then publish; nothing outlives the caller."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_pipeline.environment import Environment
from ml_pipeline.errors import RunFailed
from ml_pipeline.paths import Artifacts
from ml_pipeline.running.progress import StageEvent, parse_line
from ml_pipeline.running.repro import Steps, publish, reproduce
from ml_pipeline.running.workspace import LOCK_FILE


@dataclass
class StageRecord:
    """How one stage went. `seconds` is wall time; unchanged and restored stages took about none."""

    stage: str
    state: str
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {"stage": self.stage, "state": self.state, "seconds": round(self.seconds, 1)}


@dataclass(frozen=True)
class JobResult:
    """What a run left: artifacts in the workspace, the published version, this model's lock entries.

    `ingestion` is the report of that stage: how many documents there were, and the last one's id.
    """

    artifacts_root: Path
    published: dict[str, Any]
    lock_entries: bytes
    stages: list[dict[str, Any]]
    ingestion: dict[str, Any] = field(default_factory=dict)


@dataclass
class StageClock:
    """Turns the lines of `dvc repro` into stage records with durations."""

    records: list[StageRecord] = field(default_factory=list)
    _started: float = 0.0

    def read(self, line: str) -> StageEvent | None:
        """Take one line of output; give the event in it, if any."""
        event = parse_line(line)
        if event is None:
            return None
        self.close()
        if event.state == "failed":
            for record in self.records:
                record.state = "failed" if record.stage == event.stage else record.state
        else:
            self.records.append(StageRecord(event.stage, event.state))
        return event

    def close(self) -> None:
        """End the running stage, if one runs."""
        now = time.monotonic()
        if self.records and self.records[-1].state == "running":
            self.records[-1].state = "done"
            self.records[-1].seconds = now - self._started
        self._started = now

    def as_list(self) -> list[dict[str, Any]]:
        return [record.as_dict() for record in self.records]


def run_job(
    model: str,
    workspace: Path,
    *,
    trigger: str,
    pipeline_run: str = "",
    on_line: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
    on_stages: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> JobResult:
    """Reproduce, push to the DVC remote if one is set, publish. RunFailed carries the last lines of what failed."""
    clock = StageClock()
    answers: list[dict[str, Any]] = []

    def read(line: str) -> None:
        if line.startswith("{"):
            answers.append(json.loads(line))
            return
        if clock.read(line) is not None:
            on_stages(clock.as_list())
        on_line(line)

    remote = Environment.read().dvc_remote_url is not None
    steps = Steps(workspace, on_line=read, should_stop=should_stop, trigger=trigger, pipeline_run=pipeline_run)
    try:
        reproduce([model], steps, pull=remote)
    finally:
        clock.close()
        on_stages(clock.as_list())
    if remote:
        steps.dvc("push")
    answers.clear()
    publish([model], steps)
    if not answers:
        raise RunFailed("The publish step named no version.")
    return JobResult(
        artifacts_root=workspace / Artifacts(model).root,
        published=answers[-1],
        lock_entries=(workspace / LOCK_FILE).read_bytes(),
        stages=clock.as_list(),
        ingestion=json.loads((workspace / Artifacts(model).ingestion_report).read_bytes()),
    )
