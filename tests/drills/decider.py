"""The process in which decisions are taken: `python -m tests.drills.decider prepare | alternate COUNT LEAST MOST`.

`alternate` lets the two versions take turns, with pauses of LEAST to MOST seconds, and prints one JSON line a decision:
the version that serves from now on, and the moments right before the transaction and right after its commit.
"""

import json
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from knox.models import AuthToken  # noqa: E402

from registry_ui.selectors import champion_get, deployment_get, trouble_of, version_get  # noqa: E402
from registry_ui.services.access import APPROVERS, Actor  # noqa: E402
from registry_ui.services.candidates import candidate_import  # noqa: E402
from registry_ui.services.decisions import champion_roll_back, version_approve  # noqa: E402
from registry_ui.services.preconditions import Confirmed  # noqa: E402
from tests.drills.stand import ROWS_OF_VERSION, bundle_of  # noqa: E402
from tests.registry_ui.candidates import write_candidate  # noqa: E402

MODEL = "sentiment"


def prepare() -> None:
    call_command("migrate", verbosity=0)
    olga = User.objects.create_user("olga")
    olga.groups.add(Group.objects.get(name=APPROVERS))
    for number in ROWS_OF_VERSION:
        _import(number)
        if (champion := champion_get(model=MODEL)) is None or champion.number != number:
            _approve(number)
    _tell(token=AuthToken.objects.create(User.objects.create_user("caller"))[1])


def alternate(count: int, least: float, most: float) -> None:
    chance = random.Random(20261125)  # noqa: S311 - pauses
    for _ in range(count):
        time.sleep(chance.uniform(least, most))
        now = deployment_get(model=MODEL)
        number = 3 - (now.champion_version or 0)
        trouble = trouble_of(version=version_get(model=MODEL, number=number))
        before = time.time()
        champion_roll_back(
            model=MODEL,
            number=number,
            actor=_olga(),
            reason="A drill.",
            expected_generation=now.generation,
            confirmed=Confirmed(trouble=trouble.pk if trouble else None),
        )
        _tell(version=number, before=before, committed=time.time())


def _import(number: int) -> None:
    with TemporaryDirectory() as folder:
        root = write_candidate(
            Path(folder), model=MODEL, files=bundle_of(number), champion=champion_get(model=MODEL), data=f"{number}"
        )
        candidate_import(model=MODEL, root=root, actor=Actor.system("pipeline"))


def _approve(number: int) -> None:
    generation = deployment_get(model=MODEL).generation
    version_approve(
        model=MODEL, number=number, actor=_olga(), reason="A drill.", expected_generation=generation
    )  # fmt: skip


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
