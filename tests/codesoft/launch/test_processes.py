"""The product's processes are watched, and end together, whatever becomes of their logs."""

import os
import sys
from pathlib import Path

import pytest

from codesoft.launch.processes import Supervisor
from tests.processes import wait_until


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    return Supervisor(tmp_path / "log", tmp_path, os.environ)


def test_a_process_that_ends_by_itself_is_named_with_its_status_and_its_log(supervisor: Supervisor) -> None:
    supervisor.start({"short": [sys.executable, "-c", "print('bye'); exit(3)"]})
    supervisor.wait()
    log = supervisor.log_folder / "short.log"
    assert supervisor.first_ended == f"short (exit status 3; see {log})"
    assert log.read_text() == "bye\n"


def test_a_log_that_cannot_be_written_costs_its_lines_and_not_the_process(supervisor: Supervisor) -> None:
    supervisor.log_folder.mkdir()
    (supervisor.log_folder / "talker.log").symlink_to("/dev/full")  # every write says that no space is left
    said = supervisor.folder / "said"
    script = f"echo one; sleep 1; touch {said}; sleep 60"
    supervisor.start({"talker": ["sh", "-c", script]})
    lived_on = wait_until(said.exists, 10)
    supervisor.stop()
    supervisor.wait()
    assert lived_on
    assert supervisor.first_ended is None


def test_a_process_that_cannot_be_started_ends_the_others(supervisor: Supervisor) -> None:
    broken = Supervisor(supervisor.log_folder, supervisor.folder / "nowhere", supervisor.environment)
    broken.start({"stray": [sys.executable, "-c", "pass"]})
    broken.wait()
    assert broken.first_ended is not None
    assert broken.first_ended.startswith("stray (not started: ")


def test_a_server_is_asked_to_end_and_ends_its_children_itself(supervisor: Supervisor) -> None:
    """As Celery does, whose child would otherwise end in the middle of its work."""
    child = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: pathlib.Path("child-was-asked").touch())
print("child works", flush=True)
sys.stdin.read()
pathlib.Path("child-was-done").touch()
"""
    server = f"""
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE)
def end(*_):
    child.stdin.close()
    child.wait()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
while True:
    signal.pause()
"""
    supervisor.start({"server": [sys.executable, "-c", server]})
    log = supervisor.log_folder / "server.log"
    assert wait_until(lambda: log.exists() and "child works" in log.read_text(), 20)
    supervisor.stop()
    supervisor.wait()
    assert (supervisor.folder / "child-was-done").exists()
    assert not (supervisor.folder / "child-was-asked").exists()
