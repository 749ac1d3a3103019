"""A run in a workspace: killed at any moment and started again, it ends in the same bytes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.running.progress import STAGES
from ml_pipeline.running.workspace import LOCK_FILE, prepare_workspace
from tests.processes import command_line, processes_with_state, wait_until

MODEL = "mortgage"
_RUN = """
import sys
from pathlib import Path
from ml_pipeline.running.job import run_job
run_job(sys.argv[1], Path(sys.argv[2]), trigger="test", on_line=lambda line: print(line, flush=True))
"""


def _start(workspace: Path, var: Path) -> subprocess.Popen:
    environment = os.environ | {"VAR_DIR": str(var)}
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, MODEL, str(workspace)],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _fresh_workspace(folder: Path, monkeypatch) -> tuple[Path, Path]:
    var, workspace = folder / "var", folder / "workspace"
    monkeypatch.setenv("VAR_DIR", str(var))
    prepare_workspace(workspace, lock_entries=None)
    return workspace, var


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The lock file of an undisturbed run: the hash of every file that every stage read and wrote."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        workspace, var = _fresh_workspace(tmp_path_factory.mktemp("reference"), monkeypatch)
        run = _start(workspace, var)
        output, _ = run.communicate(timeout=240)
        assert run.returncode == 0, output
        return (workspace / LOCK_FILE).read_bytes()


def test_a_second_run_from_scratch_gives_the_same_bytes_and_a_third_fetches_them(reference, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_REMOTE_URL", str(tmp_path / "remote"))
    for machine, lock_entries in (("second", None), ("third", reference)):
        monkeypatch.setenv("VAR_DIR", str(tmp_path / machine / "var"))
        workspace = tmp_path / machine / "workspace"
        prepare_workspace(workspace, lock_entries=lock_entries)
        output, _ = _start(workspace, tmp_path / machine / "var").communicate(timeout=240)
        assert (workspace / LOCK_FILE).read_bytes() == reference, output
    assert "Running stage 'ingestion" in output
    assert "Running stage 'evaluation" not in output


def test_killed_in_every_stage_and_run_again_it_leaves_nothing_behind_and_ends_the_same(
    reference, tmp_path, monkeypatch
):
    """In turn the stage, dvc and the worker are killed, each time in a later stage, and the run is started again."""
    workspace, var = _fresh_workspace(tmp_path, monkeypatch)
    for number, stage in enumerate(STAGES):
        run = _start(workspace, var)
        victims = wait_until(lambda stage=stage: _processes(var, f"ml_pipeline.stages.{stage}"), 120)
        assert victims, f"{stage} never started: {run.communicate()[0] if run.poll() is not None else ''}"
        victim = {0: victims, 1: _processes(var, "-m dvc repro"), 2: [run.pid]}[number % 3]
        for pid in victim:
            _kill(pid)
        assert wait_until(lambda: not list(processes_with_state(var)), 5), "processes were left behind"
        run.communicate()
    last = _start(workspace, var)
    output, _ = last.communicate(timeout=240)
    assert last.returncode == 0, output
    assert (workspace / LOCK_FILE).read_bytes() == reference


def _processes(var: Path, words: str) -> list[int]:
    named = {pid: command_line(pid) for pid in processes_with_state(var)}
    return [pid for pid, command in named.items() if words in command and "guard.py" not in command]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
