"""No process outlives the one that asked for it, whichever of them is killed."""

import os
import signal
import subprocess
import sys

import pytest

from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.running.guarded import run_guarded
from tests.processes import children_of, gone_within, is_alive, parent_of

# A command that starts a child which ignores SIGTERM, as a stage in native code does, and writes both ids.
_COMMAND = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"],
    stdout=subprocess.PIPE)
child.stdout.readline()
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
_WORKER = """
import os, sys
from pathlib import Path
from ml_pipeline.running.guarded import run_guarded
run_guarded([sys.executable, "-c", sys.argv[1]], cwd=Path.cwd(), env=os.environ, on_line=lambda l: print(l, flush=True))
"""


@pytest.fixture
def worker_tree():
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, _COMMAND], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    command, child = map(int, worker.stdout.readline().split())
    yield worker, parent_of(command), command, child
    for pid in (worker.pid, command, child):
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()


@pytest.mark.parametrize("victim", ["worker", "guard", "command"])
def test_killing_any_process_of_the_tree_ends_all_of_it_within_five_seconds(worker_tree, victim):
    worker, guard, command, child = worker_tree
    os.kill({"worker": worker.pid, "guard": guard, "command": command}[victim], signal.SIGKILL)
    assert gone_within(5, guard, command, child)


def test_a_run_that_is_told_to_stop_ends_with_its_children():
    pids: list[int] = []
    status = run_guarded(
        [sys.executable, "-c", _COMMAND],
        cwd=PROJECT_ROOT,
        env=os.environ,
        on_line=lambda line: pids.extend(map(int, line.split())),
        should_stop=lambda: bool(pids),
    )
    assert status == 128 + signal.SIGTERM
    assert gone_within(5, *pids)


def test_output_of_both_streams_and_the_exit_status_come_through():
    lines: list[str] = []
    script = (
        "import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True); print('é' * 70000); exit(7)"
    )
    status = run_guarded(
        [sys.executable, "-X", "utf8", "-c", script], cwd=PROJECT_ROOT, env=os.environ, on_line=lines.append
    )
    assert status == 7
    assert lines[:2] == ["out", "err"]
    assert lines[2] == "é" * 70000


def test_a_command_that_was_killed_gives_the_status_that_a_shell_would():
    status = run_guarded(["sh", "-c", "kill -KILL $$"], cwd=PROJECT_ROOT, env=os.environ, on_line=print)
    assert status == 128 + signal.SIGKILL


def test_worker_and_guard_killed_in_one_instant_leave_nothing(worker_tree):
    worker, guard, command, child = worker_tree
    for pid in (worker.pid, guard):
        os.kill(pid, signal.SIGKILL)
    assert gone_within(5, guard, command, child)


def test_a_guard_whose_second_was_killed_guards_on(worker_tree):
    worker, guard, command, child = worker_tree
    second = next(pid for pid in children_of(guard) if pid != command)
    os.kill(second, signal.SIGKILL)
    assert not gone_within(0.3, command)
    os.kill(worker.pid, signal.SIGKILL)
    assert gone_within(5, guard, command, child)
