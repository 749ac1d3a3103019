"""How far a run is and how long it may still take, told by how long its stages took when they last worked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ml_pipeline.running.progress import STAGES
from registry_ui.models import BrokerContact, PipelineRun
from registry_ui.selectors import UsualSeconds

_SILENT_AFTER = timedelta(seconds=45)  # the dispatcher looks once a second and tells of it every ten
_NEARLY = 0.95  # a stage that takes longer than it did stands here until it ends


@dataclass(frozen=True)
class RunProgress:
    """`percent` of the work, weighted by time; `left` in words, empty where nothing is known."""

    percent: int
    left: str


def run_progress(run: PipelineRun, usual: UsualSeconds) -> RunProgress:
    """Of an active run. Without an earlier run every stage counts alike, and no time is named."""
    weights = {stage: max(usual.stages.get(stage, 0.0), 0.1) if usual.stages else 1.0 for stage in STAGES}
    told = {one["stage"]: one for one in run.stages}
    ended = sum(weights[stage] for stage in STAGES if stage in told and told[stage]["state"] != "running")
    running = sum(
        min(_in_stage(run), _NEARLY * weights[stage])
        for stage in STAGES
        if told.get(stage, {}).get("state") == "running"
    )
    total = sum(weights.values()) + usual.beside
    done = (ended + running) if usual.stages else ended
    return RunProgress(min(99, round(100 * done / total)), _in_words(total - done) if usual.stages else "")


def waiting_words(run: PipelineRun, contact: BrokerContact | None) -> str:
    """Why a queued run has not started."""
    if contact is not None and contact.failing_since is not None:
        since = f"{contact.failing_since:%Y-%m-%d %H:%M:%S} UTC"
        return (
            f"The broker has not answered since {since}. The run is kept in the database, and starts once it is back."
        )
    if run.published_at is not None:
        return f"Waiting for a worker since {run.due_at:%Y-%m-%d %H:%M:%S} UTC. Each takes one run after the other."
    if contact is None or timezone.now() - contact.looked_at > _SILENT_AFTER:
        return "The run is kept in the database. No dispatcher sends it on: start `manage.py dispatch_runs`."
    return "The run is sent to a worker within a second."


def seconds_taken(run: PipelineRun) -> float | None:
    """How long the last attempt took, or has been running."""
    if run.started_at is None:
        return None
    return ((run.finished_at or timezone.now()) - run.started_at).total_seconds()


def stages_shown(run: PipelineRun, usual: UsualSeconds) -> list[dict[str, Any]]:
    """All six, with what is known of each and how long it took when it last worked."""
    known = {one["stage"]: one for one in run.stages}
    absent = "to come" if run.is_active else "not run"
    return [
        {"state": absent, "seconds": None, **known.get(stage, {}), "stage": stage, "usual": usual.stages.get(stage)}
        for stage in STAGES
    ]


def seconds_in_words(stages: Sequence[str], usual: UsualSeconds) -> str:
    """How long `stages` took together, with all that is no stage; empty where one never worked."""
    if not stages or any(stage not in usual.stages for stage in stages):
        return ""
    return _duration(sum(usual.stages[stage] for stage in stages) + usual.beside)


def age_in_words(moment: datetime) -> str:
    seconds = (timezone.now() - moment).total_seconds()
    return "just now" if seconds < 10 else f"{_duration(seconds)} ago"


def _in_stage(run: PipelineRun) -> float:
    """How long the running stage has been working: what the attempt took without the stages that ended."""
    ended: float = sum(one["seconds"] for one in run.stages)
    return max((seconds_taken(run) or 0.0) - ended, 0.0)


def _in_words(seconds: float) -> str:
    return "a few seconds left" if seconds < 8 else f"about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(5 * round(seconds / 5), 1)} s"
    if seconds < 5_400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
