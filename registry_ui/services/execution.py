"""One attempt of a pipeline run, from claim to import. Runs in a worker, never in a web process."""

import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from ml_pipeline.errors import CodesoftError, RunFailed, RunKilled
from ml_pipeline.running.job import JobResult, run_job
from ml_pipeline.running.workspace import prepare_workspace
from registry_ui.errors import RunFenced, StaleRecommendation
from registry_ui.models import ModelVersion, PipelineRun
from registry_ui.services.access import Actor
from registry_ui.services.candidates import Published, candidate_import
from registry_ui.services.heartbeat import Heartbeat
from registry_ui.services.run_state import RunClaim, run_claim, run_fail, run_progress, run_release, run_saw
from registry_ui.services.sync_requests import sync_request
from registry_ui.services.workspaces import baseline_write, cache_prune, lock_entries, lock_entries_keep

Job = Callable[..., JobResult]
_EVALUATIONS = 3  # the champion may change while a run evaluates; one that changes three times needs a person
_LOG_LINES = 200
_PROGRESS_SECONDS = 1.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Halt:
    """Whether an attempt has to end before it is done: asked twice a second, and True ends its processes."""

    heartbeat: Heartbeat
    interrupted: Callable[[], bool]
    until: float

    def __call__(self) -> bool:
        return self.heartbeat.lost() or self.interrupted() or self.is_late()

    def is_late(self) -> bool:
        return monotonic() > self.until


def run_execute(
    *, run_id: UUID, job: Job = run_job, interrupted: Callable[[], bool] = lambda: False
) -> ModelVersion | None:
    """Claim the run, train in a workspace of its own, import the candidate, end the row.

    None where there was nothing to claim, or where it failed: the row says why. A second message for one run ends
    at the claim, and an attempt that lost its lease ends at the import's fence. `interrupted` says that this worker has
    to end: the run is queued again then, and the next attempt finds in the cache what this one finished.
    """
    claim = run_claim(run_id=run_id)
    if claim is None:
        return None
    progress = _Progress(claim)
    workspace = Path(settings.WORKSPACES_DIR) / f"{claim.run_id}-{claim.attempt}"
    heartbeat = Heartbeat(claim)
    halt = _Halt(heartbeat, interrupted, monotonic() + settings.RUN_TIME_LIMIT_SECONDS)
    try:
        _remove_abandoned(workspace.parent)
        with heartbeat:
            return _trained(claim, workspace, job, progress, halt)
    except RunFenced:
        _log.warning("run_fenced", run=str(claim.run_id), attempt=claim.attempt)
    except CodesoftError as error:
        _end(claim, error, halt, progress.text)
    except Exception as error:
        _log.exception("run_crashed", run=str(claim.run_id))
        close_old_connections()  # it may be the database that broke
        run_fail(claim=claim, error=f"{type(error).__name__}: {error}", log=progress.text)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return None


def _end(claim: RunClaim, error: CodesoftError, halt: _Halt, log: str) -> None:
    """End an attempt that did not succeed, or queue the run again where it was stopped from outside."""
    if (halt.interrupted() or isinstance(error, RunKilled)) and run_release(claim=claim):
        _log.warning("run_released", run=str(claim.run_id), attempt=claim.attempt, error=str(error))
        return
    _log.warning("run_failed", run=str(claim.run_id), code=error.code)
    told = _told(error)
    if halt.is_late():
        told = f"It took longer than RUN_TIME_LIMIT_SECONDS, {settings.RUN_TIME_LIMIT_SECONDS:,} s.\n{told}"
    run_fail(claim=claim, error=told, log=log)


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed attempts left on this machine: workspaces that no running attempt owns. What nobody needs of
    the cache goes while no other run works."""
    found = list(folder.glob("*-*"))  # before the rows are read: whoever made one of these had its row by then
    running = PipelineRun.objects.filter(state=PipelineRun.State.RUNNING).values_list("pk", "attempt")
    owned = {f"{run_id}-{attempt}" for run_id, attempt in running}
    for workspace in found:
        if workspace.name not in owned:
            shutil.rmtree(workspace, ignore_errors=True)
    if len(owned) == 1:
        cache_prune()


def _trained(claim: RunClaim, workspace: Path, job: Job, progress: "_Progress", halt: _Halt) -> ModelVersion | None:
    """Train and import; where another version went live meanwhile, compare with that one and import again."""
    prepare_workspace(workspace, lock_entries=lock_entries(model=claim.model))
    for _ in range(_EVALUATIONS):
        baseline_write(model=claim.model, workspace=workspace)
        result = job(
            claim.model,
            workspace,
            trigger=f"{claim.trigger} by {claim.requested_by}",
            pipeline_run=f"{claim.run_id}/{claim.attempt}",
            on_line=progress.line,
            should_stop=halt,
            on_stages=progress.stages_changed,
        )
        progress.flush()
        close_old_connections()  # one that broke during a silent stage
        if result.ingestion:
            run_saw(claim=claim, ingestion=result.ingestion)
        try:
            imported = candidate_import(
                model=claim.model,
                root=workspace,
                actor=Actor.system("pipeline"),
                published=Published.told(result.published),
                run=claim,
            )
        except StaleRecommendation as error:
            progress.line(str(error))
            continue
        lock_entries_keep(model=claim.model, content=result.lock_entries)
        sync_request(actor=Actor.system("pipeline"), model=claim.model)
        return imported.version
    raise RunFailed(
        f"Another version of {claim.model} went live during each of {_EVALUATIONS} evaluations.",
        advice="Run it again when the deployment has settled.",
    )


def _told(error: CodesoftError) -> str:
    lines = error.details.get("lines", [])
    return "\n".join([str(error), *(str(line) for line in lines)])


class _Progress:
    """The row's stages and log tail: stages at once, lines at most once a second.

    A database that is away costs a look at the progress, not the run: the heartbeat judges whether it may go on.
    """

    def __init__(self, claim: RunClaim) -> None:
        self._claim = claim
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._stages: list[dict[str, Any]] = []
        self._written = 0.0

    @property
    def text(self) -> str:
        return "\n".join(self._lines).replace("\x00", "")

    def line(self, line: str) -> None:
        self._lines.append(line[:2_000])
        if monotonic() - self._written >= _PROGRESS_SECONDS:
            self.flush()

    def stages_changed(self, stages: list[dict[str, Any]]) -> None:
        self._stages = stages
        self.flush()

    def flush(self) -> None:
        self._written = monotonic()
        try:
            run_progress(claim=self._claim, stages=self._stages, log=self.text)
        except DatabaseError as error:
            connection.close()  # a broken one would break the import too: the next use opens another
            _log.warning("progress_not_shown", run=str(self._claim.run_id), error=str(error))
