"""Which process runs which test, and the browser: pytest-playwright's, with the Chromium that TEST_CHROMIUM names."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.scheduling import ModuleScheduling, slowest_first

CHROMIUM = os.environ.get("TEST_CHROMIUM", "")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ModuleScheduling:
    config.option.loadscopereorder = False  # not by how many tests a module has, but in the order of collection
    return ModuleScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After they were shuffled."""
    items.sort(key=lambda item: slowest_first(item.nodeid))


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
