"""A simulated week of versions, good and bad: the guard undoes what does harm, and nothing goes back and forth."""

import random

import pytest

from registry_ui.models import Decision, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.canaries import version_set_canary
from registry_ui.services.decisions import version_approve
from registry_ui.services.rollouts import rollouts_look
from registry_ui.services.trials import CanaryPlan
from tests.registry_ui.conftest import Import
from tests.registry_ui.test_rollouts import candidate, clock, given, serving
from tests.registry_ui.traffic import Clock, told, traffic

pytestmark = pytest.mark.django_db
__all__ = ["candidate", "clock"]  # fixtures


def test_in_a_week_of_good_and_bad_versions_nothing_goes_back_and_forth(
    clock: Clock, candidate: ModelVersion, approver: Actor, import_one: Import
) -> None:
    """A version a day, each as good as the first but for two: as canaries by a plan, the bad ones also as champions."""
    chance = random.Random(20261128)  # noqa: S311 - traffic
    plan = CanaryPlan(steps=(0.05, 0.2, 0.5), step_minutes=60, minimum_requests=200, promote=True)
    bad = {4: 0.05, 6: 0.3}

    def passing(hours: int) -> None:
        for _ in range(hours * 3):
            clock.forward(minutes=20)
            champion, canary, share = serving()
            split = round(300 * (share or 0.0))
            for number, calls, route in ((champion, 300 - split, "champion"), (canary, split, "canary")):
                if number and calls:
                    rate = bad.get(number, 0.0005)
                    failed = sum(chance.random() < rate for _ in range(calls))
                    slow = sum(chance.random() < 0.02 for _ in range(calls - failed))
                    traffic(number, calls, route=route, failed=failed, slow=slow)
                    wrong = sum(chance.random() < 0.1 for _ in range(5))
                    told(number, 5 - wrong, wrong, route=route)
            rollouts_look()

    for number in range(2, 9):
        if number > 2:
            import_one(flavour=float(number))
        if number in bad:
            version_approve(**given(approver, number))
        else:
            version_set_canary(**given(approver, number, plan=plan))
        passing(24)

    moves = list(Decision.objects.order_by("id").values_list("action", "version__number", "actor"))
    rolled_back = [move for move in moves if move[2] == "system:rollback"]
    assert [move[:2] for move in rolled_back] == [("roll_back", 3), ("roll_back", 5)]
    assert not [move for move in moves if move[0] == "end_canary"]
    assert [move[1] for move in moves if move[0] == "promote_canary"] == [2, 3, 5, 7, 8]
    live = [move[1] for move in moves if move[0] in ("approve", "promote_canary", "roll_back")]
    assert live == [1, 2, 3, 4, 3, 5, 6, 5, 7, 8], "no version comes back but by the roll back of a bad one"
