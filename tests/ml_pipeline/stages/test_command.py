import os
import subprocess
import sys

import pytest

from ml_pipeline.environment import PROJECT_ROOT

STAGE = """
from ml_pipeline.errors import ContractBroken
from ml_pipeline.stages.command import run_stage

def run(model):
    \"\"\"Do the work of MODEL.\"\"\"
    if model == "broken":
        raise ContractBroken("Rows [bad] are bad.", advice="Correct them.", details={"rows": [1, 2], "where": "here"})
    if model == "bug":
        raise ZeroDivisionError("oops")

run_stage("ingestion", run)
"""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    return subprocess.run(
        [sys.executable, "-c", STAGE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_stage_says_when_it_starts_and_how_long_it_took() -> None:
    done = _run("spam")
    assert (done.returncode, done.stdout) == (0, "")
    first, last = done.stderr.splitlines()
    assert first == "ingestion spam: started"
    assert last.startswith("ingestion spam: done in 0.")


def test_a_fault_is_told_in_plain_lines_without_a_traceback() -> None:
    done = _run("broken")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "ingestion broken: failed (contract_broken)",
        "  Rows [bad] are bad.",
        "  Correct them.",
        "  rows: [1, 2]",
        "  where: here",
    ]


def test_a_bug_is_a_traceback_and_exit_code_1() -> None:
    done = _run("bug")
    assert done.returncode == 1
    assert "ZeroDivisionError: oops" in done.stderr


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["a", "b"], 2)])
def test_the_command_line_explains_itself(arguments: list[str], code: int) -> None:
    done = _run(*arguments)
    assert done.returncode == code
    assert "python -m ml_pipeline.stages.ingestion" in done.stdout + done.stderr
