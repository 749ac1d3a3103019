"""What a run would do before it is started: which stages would work anew, and why. Asked of `dvc status`."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ml_pipeline.errors import RunFailed
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.running.progress import STAGES
from ml_pipeline.running.repro import Steps

_NAMED = 3  # files or sections of one kind that a reason names

# `looks`: it runs each time, to see whether documents came. `depends`: it runs where an earlier one's result changes.
Outlook = Literal["runs", "looks", "depends", "stays"]


@dataclass(frozen=True)
class StagePlan:
    """What one stage would do, and why."""

    stage: str
    outlook: Outlook
    reasons: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run_preview(model: str, workspace: Path, *, should_stop: Callable[[], bool] = lambda: False) -> list[StagePlan]:
    """The plan of each stage in a prepared workspace that holds the baseline. RunFailed where `dvc` cannot say."""
    load_spec(model, workspace / "params.yaml")
    lines: list[str] = []
    steps = Steps(workspace, on_line=lines.append, should_stop=should_stop, trigger="preview")
    steps.dvc("status", "--json", "--with-deps", f"registration@{model}")
    answer = next((line for line in lines if line.startswith("{")), None)
    if answer is None:
        raise RunFailed("`dvc status` gave no answer.", details={"lines": lines[-5:]})
    return read_status(model, json.loads(answer))


def read_status(model: str, status: dict[str, list[Any]]) -> list[StagePlan]:
    """The plans in what `dvc status --json` says. A file that lies in the cache alone is no reason: it is fetched."""
    plans: list[StagePlan] = []
    for stage in STAGES:
        told = status.get(f"{stage}@{model}", [])
        reasons = _reasons(model, told)
        earlier = [plan for plan in plans if plan.outlook != "stays"]
        if reasons:
            plans.append(StagePlan(stage, "runs", reasons))
        elif "always changed" in told:
            plans.append(StagePlan(stage, "looks", ["it looks for documents each time"]))
        elif earlier:
            plans.append(StagePlan(stage, "depends", [f"if {earlier[-1].stage} gives something else"]))
        else:
            plans.append(StagePlan(stage, "stays", []))
    return plans


def _reasons(model: str, told: list[Any]) -> list[str]:
    deps: dict[str, Any] = {}
    for entry in told:
        if isinstance(entry, dict):
            deps |= entry.get("changed deps", {})
    params = deps.pop("params.yaml", {})
    if not isinstance(params, dict):
        return ["it never ran here"]
    artifacts = Artifacts(model)
    changed = [path for path in deps if not path.startswith(f"{artifacts.root}/")]
    baseline = [path for path in changed if path.startswith(f"{artifacts.baseline.parent}/")]
    code = [path.removeprefix("ml_pipeline/") for path in changed if path not in baseline]
    sections = [name.rpartition(".")[2] for name in params]
    reasons = [f"declared anew: {_some(sections)}"] if sections else []
    reasons += [f"code changed: {_some(code)}"] if code else []
    reasons += ["another champion serves"] if baseline else []
    return reasons + (["its command changed"] if "changed command" in told else [])


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(sorted(names)[:_NAMED]) + (f" and {more} more" if more > 0 else "")
