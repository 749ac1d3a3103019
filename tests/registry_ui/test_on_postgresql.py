"""Locks, constraints and triggers once more on PostgreSQL, whose transactions overlap where SQLite's queue up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = [
    "postgresql_alone.py",
    "test_audit.py",
    "test_audit_export.py",
    "test_canaries.py",
    "test_decisions.py",
    "test_feedback_uploads.py",
    "test_foreign_changes.py",
    "test_four_eyes.py",
    "test_live_performance.py",
    "test_notifications.py",
    "test_permissions.py",
    "test_rollouts.py",
    "test_runs.py",
    "test_served.py",
    "test_syncing.py",
]


@pytest.mark.skipif("TEST_POSTGRES_URL" not in os.environ, reason="TEST_POSTGRES_URL is not set")
def test_decisions_audit_and_runs_hold_on_postgresql() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *[str(HERE / module) for module in MODULES]],
        env={**os.environ, "DATABASE_URL": os.environ["TEST_POSTGRES_URL"]},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4_000:]
