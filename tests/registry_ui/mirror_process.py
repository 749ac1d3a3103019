"""A process of an installation, for tests that kill one: `python -m tests.registry_ui.mirror_process STEP…`.

A step whose name begins with `kill` arms a SIGKILL of this very process at a point of the real code (or sends it at
once). The last line of output tells how database, tracking store and outbox stand.
"""

import json
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn
from unittest import mock

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from registry_ui.models import ForeignChange, OutboxEntry  # noqa: E402
from registry_ui.selectors import champion_get, deployment_get  # noqa: E402
from registry_ui.services import decisions, mirroring  # noqa: E402
from registry_ui.services.audit import audit_verify  # noqa: E402
from registry_ui.services.syncing import registry_sync  # noqa: E402
from tests.registry_ui.tracked import ACTOR, imported, stands  # noqa: E402


def kill(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a killed process goes on")


def prepare() -> None:
    call_command("migrate", verbosity=0)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        imported(Path(folder), 1.0)
        imported(Path(folder), 2.0)
        os.chdir("/")
    mirroring.outbox_mirror()


def approve() -> None:
    generation = deployment_get(model="fruit").generation
    decisions.version_approve(model="fruit", number=2, actor=ACTOR, reason="good", expected_generation=generation)


def roll_back() -> None:
    generation = deployment_get(model="fruit").generation
    decisions.champion_roll_back(model="fruit", actor=ACTOR, reason="worse", expected_generation=generation)


def kill_in_decision() -> None:
    mock.patch.object(decisions, "audit_append", kill).start()


def kill_after_claim() -> None:
    mock.patch.object(mirroring, "_push", kill).start()


def kill_at_alias() -> None:
    mock.patch.object(mirroring, "set_alias", kill).start()


def kill_after_writes() -> None:
    mock.patch.object(mirroring, "_keep_written", kill).start()


def mirror() -> None:
    mirroring.outbox_mirror()


def restart() -> None:
    """What the periodic tasks do. A killed worker's claim of the outbox has run out by then."""
    OutboxEntry.objects.filter(done_at=None).update(next_try_at=timezone.now())
    registry_sync()
    mirroring.outbox_mirror()


def report() -> dict[str, Any]:
    live = champion_get(model="fruit")
    audit_verify()
    return {
        "live": live and live.number,
        "there": stands(),
        "pending": OutboxEntry.objects.filter(done_at=None).count(),
        "foreign": [str(change) for change in ForeignChange.objects.all()],
        "audit": "whole",
    }


if __name__ == "__main__":
    for step in sys.argv[1:]:
        globals()[step]()
    sys.stdout.write(json.dumps(report()) + "\n")
