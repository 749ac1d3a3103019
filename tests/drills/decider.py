"""The process in which decisions are taken: `python -m tests.drills.decider COMMAND …`.

`prepare` imports two versions and approves them, `bad KIND` imports a version that does harm and says its number,
`try NUMBER SHARE` sets it as canary and `approve NUMBER` puts it live; `guard SECONDS` looks at what is on trial each
so many seconds, until it is killed. `alternate COUNT LEAST MOST` lets the two versions take turns, with pauses of LEAST
to MOST seconds, and prints one JSON line a decision: the version that serves from now on, and the moments right before
the transaction and right after its commit.
"""

import json
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from knox.models import AuthToken  # noqa: E402

from registry_ui.selectors import champion_get, deployment_get, trouble_of, version_get  # noqa: E402
from registry_ui.services.access import APPROVERS, Actor  # noqa: E402
from registry_ui.services.canaries import version_set_canary  # noqa: E402
from registry_ui.services.candidates import Imported, candidate_import  # noqa: E402
from registry_ui.services.decisions import champion_roll_back, version_approve  # noqa: E402
from registry_ui.services.preconditions import Confirmed  # noqa: E402
from registry_ui.services.rollouts import rollouts_look  # noqa: E402
from tests.bad_bundles import bad_bundle  # noqa: E402
from tests.bundles import BundleFiles  # noqa: E402
from tests.drills.stand import ROWS_OF_VERSION, bundle_of  # noqa: E402
from tests.registry_ui.candidates import write_candidate  # noqa: E402

MODEL = "sentiment"
BAD_ROLLOUT = {"latency_ms": 10, "rollbacks_per_day": 24}  # a drill rolls back more often than a day should see


def prepare() -> None:
    call_command("migrate", verbosity=0)
    olga = User.objects.create_user("olga")
    olga.groups.add(Group.objects.get(name=APPROVERS))
    for number in ROWS_OF_VERSION:
        _import(number)
        if (champion := champion_get(model=MODEL)) is None or champion.number != number:
            version_approve(**_given(number))
    _tell(token=AuthToken.objects.create(User.objects.create_user("caller"))[1])


def alternate(count: int, least: float, most: float) -> None:
    chance = random.Random(20261125)  # noqa: S311 - pauses
    for _ in range(count):
        time.sleep(chance.uniform(least, most))
        now = deployment_get(model=MODEL)
        number = 3 - (now.champion_version or 0)
        confirmed = _acknowledged(number)
        before = time.time()
        champion_roll_back(
            model=MODEL,
            number=number,
            actor=_olga(),
            reason="A drill.",
            expected_generation=now.generation,
            confirmed=confirmed,
        )
        _tell(version=number, before=before, committed=time.time())


def import_bad(kind: str) -> None:
    imported = _import_files(bad_bundle(kind), data=kind[0], rollout=BAD_ROLLOUT)
    _tell(number=imported.version.number)


def try_canary(number: int, share: float) -> None:
    version_set_canary(**_given(number), share=share)
    _tell(committed=time.time())


def approve(number: int) -> None:
    version_approve(**_given(number))
    _tell(committed=time.time())


def guard(seconds: float) -> None:
    while True:
        rollouts_look()
        time.sleep(seconds)


def _import(number: int) -> None:
    _import_files(bundle_of(number), data=f"{number}")


def _import_files(files: BundleFiles, **what: Any) -> Imported:
    with TemporaryDirectory() as folder:
        root = write_candidate(Path(folder), model=MODEL, files=files, champion=champion_get(model=MODEL), **what)
        return candidate_import(model=MODEL, root=root, actor=Actor.system("pipeline"))


def _given(number: int) -> dict[str, Any]:
    return {
        "model": MODEL,
        "number": number,
        "actor": _olga(),
        "reason": "A drill.",
        "expected_generation": deployment_get(model=MODEL).generation,
        "confirmed": _acknowledged(number),
    }


def _acknowledged(number: int) -> Confirmed:
    """A version that was taken out of service before: the drill knows why."""
    trouble = trouble_of(version=version_get(model=MODEL, number=number))
    return Confirmed(trouble=trouble.pk if trouble else None)


def _olga() -> Actor:
    return Actor.person(User.objects.get(username="olga"))


def _tell(**content: object) -> None:
    print(json.dumps(content), flush=True)  # noqa: T201 - read by the drill


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare"]:
            prepare()
        case ["alternate", count, least, most]:
            alternate(int(count), float(least), float(most))
        case ["bad", kind]:
            import_bad(kind)
        case ["try", number, share]:
            try_canary(int(number), float(share))
        case ["approve", number]:
            approve(int(number))
        case ["guard", seconds]:
            guard(float(seconds))
