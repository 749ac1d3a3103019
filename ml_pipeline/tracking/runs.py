"""Runs on a tracking server: found by tag, filled, finished."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_pipeline.tracking.client import Connection

PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True)
class TrackedRun:
    """A run as the server knows it. `started` is in ms since 1970."""

    id: str
    started: int
    tags: Mapping[str, str]
    artifact_uri: str
    experiment_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def get_run(connection: Connection, run_id: str) -> TrackedRun:
    with connection.translated() as client:
        return _tracked(client.get_run(run_id))


def find_runs(connection: Connection, experiment: str, tag: str, value: str | None = None) -> list[TrackedRun]:
    """The experiment's undeleted runs that carry `tag` (with `value`, where one is given), oldest first."""
    wanted = f"tags.`{tag}` != ''" if value is None else f"tags.`{tag}` = '{value}'"
    found: list[TrackedRun] = []
    with connection.translated() as client:
        known = client.get_experiment_by_name(experiment)
        if known is None or known.lifecycle_stage == "deleted":
            return []
        page: Any = None
        while page is None or page.token:
            page = client.search_runs(
                [known.experiment_id], wanted, max_results=500, page_token=page.token if page else None
            )
            found += [_tracked(run) for run in page]
    return sorted(found, key=lambda run: (run.started, run.id))


def create_run(connection: Connection, experiment: str, name: str, tags: Mapping[str, str]) -> TrackedRun:
    """A new run; its experiment is made, or restored, where it is missing."""
    with connection.translated() as client:
        run = client.create_run(_experiment_id(connection, client, experiment), run_name=name, tags=dict(tags))
        return _tracked(run)


def tag_run(connection: Connection, run_id: str, tags: Mapping[str, str]) -> None:
    with connection.translated() as client:
        for key, value in tags.items():
            client.set_tag(run_id, key, value)


def upload(connection: Connection, run_id: str, source: Path, folder: str | None = None) -> None:
    """A file, or a folder's content, into `folder` among the run's artefacts."""
    with connection.translated() as client:
        (client.log_artifacts if source.is_dir() else client.log_artifact)(run_id, str(source), folder)


def has_file(connection: Connection, run: TrackedRun, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name in connection.list_files(f"{run.artifact_uri}/{folder}" if folder else run.artifact_uri)


def download(connection: Connection, run: TrackedRun, path: str, folder: Path) -> Path:
    """One artefact of the run, as a file in `folder`."""
    return connection.download_file(f"{run.artifact_uri}/{path}", folder)


def finish_run(connection: Connection, run_id: str, status: str = "FINISHED") -> None:
    with connection.translated() as client:
        client.set_terminated(run_id, status)


def delete_run(connection: Connection, run_id: str) -> None:
    with connection.translated() as client:
        client.delete_run(run_id)


def experiment_tags(connection: Connection, experiment: str) -> dict[str, str]:
    with connection.translated() as client:
        known = client.get_experiment_by_name(experiment)
        return dict(known.tags) if known is not None else {}


def tag_experiment(connection: Connection, experiment: str, key: str, value: str) -> None:
    with connection.translated() as client:
        client.set_experiment_tag(_experiment_id(connection, client, experiment), key, value)


def _experiment_id(connection: Connection, client: Any, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        return _created_experiment(connection, client, name)
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    return str(known.experiment_id)


def _created_experiment(connection: Connection, client: Any, name: str) -> str:
    root = connection.server.artifact_root
    location = None if root is None else (root / f"{name.replace('/', '-')}-{time.time_ns()}").as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except Exception:
        # Somebody else may have made it in this moment; if so it stands now, and if not, the first error tells why.
        known = client.get_experiment_by_name(name)
        if known is None:
            raise
        return str(known.experiment_id)


def _tracked(run: Any) -> TrackedRun:
    return TrackedRun(
        id=run.info.run_id,
        started=int(run.info.start_time or 0),
        tags=dict(run.data.tags),
        artifact_uri=run.info.artifact_uri,
        experiment_id=str(run.info.experiment_id),
        parameters=dict(run.data.params),
    )
