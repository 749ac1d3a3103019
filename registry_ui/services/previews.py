"""What a run of a model would do now: computed in a worker, shown on the model's page with its age."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from registry_ui.models import BackgroundTask
from registry_ui.selectors import deployment_get
from registry_ui.services.access import REQUEST, Actor
from registry_ui.services.background import Progress, task_request
from registry_ui.services.workspaces import baseline_write, lock_entries

_STEPS = 2


def preview_request(*, model: str, actor: Actor) -> BackgroundTask:
    """Queue the look at what would run, or give the active one."""
    actor.require(REQUEST, model)
    deployment_get(model=model)
    return task_request(kind=BackgroundTask.Kind.PREVIEW, subject=model, model=model, actor=actor)


def preview_compute(task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    """`plans`: what each stage would do, and why; see `ml_pipeline.running.preview`."""
    from ml_pipeline.running.preview import run_preview  # noqa: PLC0415 - the serving image has no pipeline
    from ml_pipeline.running.workspace import prepare_workspace  # noqa: PLC0415

    def alive() -> bool:
        progress.tell(1, _STEPS, "comparing with the last run")
        return False

    with TemporaryDirectory(prefix="codesoft-preview-") as folder:
        workspace = Path(folder) / "workspace"
        prepare_workspace(workspace, lock_entries=lock_entries(model=task.model))
        baseline_write(model=task.model, workspace=workspace)
        plans = run_preview(task.model, workspace, should_stop=alive)
    return {"plans": [plan.as_dict() for plan in plans]}
