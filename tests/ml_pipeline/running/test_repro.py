"""`make pipeline` in a checkout: what a person sees where it cannot go on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
