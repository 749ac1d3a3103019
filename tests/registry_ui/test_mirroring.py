"""The mirror on a real tracking store: what is decided here shows there, whatever happens on the way."""

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from ml_pipeline.environment import PROJECT_ROOT
from registry_ui.models import OutboxEntry
from registry_ui.services.access import Actor
from registry_ui.services.decisions import champion_roll_back, version_approve
from registry_ui.services.mirroring import outbox_mirror
from tests.registry_ui.tracked import ACTOR, imported, stands


@pytest.mark.django_db
def test_stages_and_aliases_follow_decisions(store: Path) -> None:
    imported(store, 1.0)
    second = imported(store, 2.0)
    assert outbox_mirror() == 1
    assert stands() == {1: ("Production", ("champion",)), 2: ("Staging", ("challenger",))}

    actor = Actor.operator("another")
    version_approve(model="fruit", number=second.number, actor=actor, reason="good", expected_generation=1)
    outbox_mirror()
    assert stands() == {1: ("Archived", ()), 2: ("Production", ("champion",))}

    champion_roll_back(model="fruit", actor=ACTOR, reason="worse", expected_generation=2)
    outbox_mirror()
    assert stands() == {1: ("Production", ("champion",)), 2: ("Archived", ())}
    assert not OutboxEntry.objects.filter(done_at=None).exists()


@pytest.mark.django_db
def test_a_server_that_is_away_delays_the_mirror_and_loses_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(store, 1.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert outbox_mirror() == 0
    waiting = OutboxEntry.objects.filter(done_at=None)
    assert {entry.attempts for entry in waiting} == {1}
    assert all(entry.last_error and entry.next_try_at > timezone.now() for entry in waiting)
    assert outbox_mirror() == 0  # not due yet

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    waiting.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert outbox_mirror() == 1
    assert stands() == {1: ("Production", ("champion",))}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory, mlflow_schema: bytes) -> Path:
    """The state folder of an installation of its own: version 1 is live, version 2 waits, and MLflow says so."""
    var = tmp_path_factory.mktemp("decided") / "var"
    (var / "mlflow").mkdir(parents=True)
    (var / "mlflow" / "mlflow.db").write_bytes(mlflow_schema)
    process(var, "prepare")
    return var


def process(var: Path, *steps: str, killed: bool = False) -> dict[str, Any]:
    """What a process of that installation reports after `steps`."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "codesoft.settings", "GIT_COMMIT": "0123abc"}
    command = [sys.executable, "-m", "tests.registry_ui.mirror_process", *steps]
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (-9 if killed else 0), done.stderr[-3_000:]
    return {} if killed else json.loads(done.stdout.splitlines()[-1])


APPROVED = {"1": ["Archived", []], "2": ["Production", ["champion"]]}
AS_BEFORE = {"1": ["Production", ["champion"]], "2": ["Staging", ["challenger"]]}


@pytest.mark.parametrize(
    ("steps", "live", "there"),
    [
        pytest.param(["kill_in_decision", "approve"], 1, AS_BEFORE, id="before the decision's commit"),
        pytest.param(["approve", "kill"], 2, APPROVED, id="after the decision's commit"),
        pytest.param(["approve", "kill_after_claim", "mirror"], 2, APPROVED, id="after the claim of the outbox"),
        pytest.param(["approve", "kill_at_alias", "mirror"], 2, APPROVED, id="between stages and aliases"),
        pytest.param(["approve", "kill_after_writes", "mirror"], 2, APPROVED, id="after the last write"),
    ],
)
def test_a_killed_process_leaves_what_the_next_one_brings_to_agreement(
    decided: Path, tmp_path: Path, steps: list[str], live: int, there: dict[str, Any]
) -> None:
    var = shutil.copytree(decided, tmp_path / "var")

    process(var, *steps, killed=True)

    assert process(var, "restart") == {"live": live, "there": there, "pending": 0, "foreign": [], "audit": "whole"}


def test_a_half_written_mirror_is_known_as_ours_when_the_decision_was_taken_back_meanwhile(
    decided: Path, tmp_path: Path
) -> None:
    var = shutil.copytree(decided, tmp_path / "var")
    process(var, "approve", "kill_after_writes", "mirror", killed=True)

    after = process(var, "roll_back", "restart")

    assert after["there"] == {"1": ["Production", ["champion"]], "2": ["Archived", []]}
    assert (after["live"], after["pending"], after["foreign"]) == (1, 0, [])
