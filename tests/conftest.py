"""The browser of every test that wants one: pytest-playwright's, with the Chromium that TEST_CHROMIUM names."""

import os
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("TEST_CHROMIUM", "")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    if not Path(CHROMIUM).is_file():
        pytest.skip("TEST_CHROMIUM names no browser")
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }
