"""What counts as evidence for and against a version on trial, however short its record and however long the trial."""

import pytest

from registry_ui.services.access import Actor
from registry_ui.services.decisions import version_approve
from registry_ui.services.rollouts import rollouts_look
from tests.registry_ui.conftest import Import
from tests.registry_ui.test_rollouts import candidate, clock, given, serving
from tests.registry_ui.traffic import Clock, told

pytestmark = pytest.mark.django_db
__all__ = ["candidate", "clock"]  # fixtures


@pytest.mark.parametrize(("recorded", "live"), [(99, 1), (5, 1), (0, 2)])
def test_a_short_record_of_labels_guards_a_new_champion_and_none_at_all_does_not(
    clock: Clock, import_one: Import, approver: Actor, recorded: int, live: int
) -> None:
    import_one()
    told(1, recorded, 0)
    clock.forward(hours=1)
    import_one(flavour=2.0)
    version_approve(**given(approver))
    clock.forward(minutes=2)
    told(2, 0, 100)
    rollouts_look()
    assert serving()[0] == live
