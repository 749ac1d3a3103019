"""`.ci/run` around a stand-in Makefile: what makes it fail, and that it leaves no process behind."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infrastructure.files import ROOT

MAKEFILE = """
test:
\t@env | grep -E '^TEST_(REDIS|POSTGRES)_URL=' > addresses
\t@PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {python} -m pytest -q -ra -p no:cacheprovider -c /dev/null --rootdir . \\
\ttest_sample.py {ending}
lint:
\t@{lint}
"""
PASSING = "def test_that_passes():\n    assert True\n"
SKIPPED = PASSING + "import pytest\n@pytest.mark.skip(reason='no server here')\ndef test_that_skips():\n    pass\n"
FAILING = "def test_that_fails():\n    assert False\n"
GIVEN = {
    "TEST_MONGODB_URI": "mongodb://127.0.0.1:1",
    "TEST_REDIS_URL": "redis://127.0.0.1:1/0",
    "TEST_POSTGRES_URL": "postgres://127.0.0.1:1/x",
}


class Checkout:
    """A folder with the script, nothing to install, and one test file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".ci").mkdir()
        shutil.copy2(ROOT / ".ci" / "run", folder / ".ci" / "run")
        (folder / ".ci" / "install-tools").write_text("#!/bin/sh\n")
        (folder / ".ci" / "install-tools").chmod(0o755)

    def run(self, test: str, *, lint: str = "true", ending: str = "", given: dict[str, str]) -> tuple[int, list[str]]:
        (self.folder / "test_sample.py").write_text(test)
        makefile = MAKEFILE.format(python=sys.executable, lint=lint, ending=ending)
        (self.folder / "Makefile").write_text(makefile)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "PYTEST_"))}
        done = subprocess.run(
            [str(self.folder / ".ci" / "run")],
            env=environment | given | {"TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    """In a short path: PostgreSQL's socket lies there, and a socket's path has at most 107 characters."""
    with tempfile.TemporaryDirectory() as folder:
        yield Checkout(Path(folder))


def test_passing_tests_and_a_clean_lint_pass_and_end_with_the_test_runner_s_own_words(checkout: Checkout) -> None:
    code, lines = checkout.run(PASSING, given=GIVEN)
    assert code == 0, lines
    assert lines[-1].startswith("1 passed in")
    assert any("tests passed" in line and line.endswith(" s") for line in lines)


def test_a_skipped_test_fails_the_run_and_is_named_with_its_reason(checkout: Checkout) -> None:
    code, lines = checkout.run(SKIPPED, given=GIVEN)
    assert code == 1
    assert ".ci/run: 1 tests were skipped; here every test must run:" in lines
    assert "no server here" in lines[-2]


@pytest.mark.parametrize(
    ("test", "lint", "ending"),
    [(FAILING, "true", ""), (PASSING, "false", ""), ("", "true", "|| true")],
    ids=["a test fails", "lint fails", "no test runs"],
)
def test_anything_that_fails_fails_the_run(checkout: Checkout, test: str, lint: str, ending: str) -> None:
    code, _ = checkout.run(test, lint=lint, ending=ending, given=GIVEN)
    assert code == 1


def test_servers_are_started_for_the_tests_and_gone_afterwards(checkout: Checkout) -> None:
    if not shutil.which("redis-server") or not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("needs redis-server and PostgreSQL; .ci/install-tools installs them")
    checkout.folder.chmod(0o755)  # the postgres user must reach its data
    code, lines = checkout.run(PASSING, given={"TEST_MONGODB_URI": GIVEN["TEST_MONGODB_URI"]})
    assert code == 0, lines
    addresses = dict(line.split("=", 1) for line in (checkout.folder / "addresses").read_text().splitlines())
    assert addresses.keys() == {"TEST_REDIS_URL", "TEST_POSTGRES_URL"}
    assert not list(checkout.folder.glob("codesoft-ci.*"))
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(checkout.folder / "codesoft-ci.") not in running
