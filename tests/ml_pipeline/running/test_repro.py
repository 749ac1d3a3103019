"""`make pipeline` in a checkout: what a person sees where it cannot go on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ml_pipeline.errors import RunFailed
from ml_pipeline.running.repro import Steps
from tests.processes import processes_with_state, wait_until
from tests.project_copy import copy_project


@pytest.mark.parametrize(
    ("text", "said"),
    [("models:\n\ttickets: {}\n", "params.yaml is not YAML: "), ("models: {}\n", "has no `models:` mapping.")],
)
def test_declarations_that_cannot_be_read_are_one_line_and_a_failure(tmp_path: Path, text: str, said: str) -> None:
    folder = copy_project(tmp_path)
    (folder / "params.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "ml_pipeline.running.repro"],
        cwd=folder,
        env=os.environ | {"VAR_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_is_one_line_and_leaves_no_process(tmp_path: Path) -> None:
    folder, var = copy_project(tmp_path / "checkout"), tmp_path / "var"
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    run = subprocess.Popen(
        [sys.executable, "-m", "ml_pipeline.running.repro", "mortgage"],
        cwd=folder,
        env=os.environ | {"VAR_DIR": str(var), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background has it ignored
    )
    assert run.stdout is not None
    assert any("Running stage 'ingestion@mortgage'" in line for line in run.stdout)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=20)
    assert run.returncode == 130
    assert errors == "Interrupted. Finished stages are kept: run again to go on.\n"
    assert wait_until(lambda: not list(processes_with_state(var)), 5)


def test_a_command_that_the_system_killed_is_told_apart_from_one_that_failed(tmp_path: Path) -> None:
    steps = Steps(tmp_path, on_line=print)
    with pytest.raises(RunFailed, match=r"ended with status 137\. It was killed: .* memory"):
        steps.run("sh", "-c", "kill -KILL $$")
    with pytest.raises(RunFailed, match=r"ended with status 3\.$"):
        steps.run("sh", "-c", "exit 3")
