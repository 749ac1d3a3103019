"""Migrations on a database that is in use: what they rebuild keeps its triggers, and what waits stays decidable."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from knox.models import AuthToken

from predictions.models import Deployment, TokenDetails
from predictions.scopes import EVERY_SCOPE
from registry_ui.models import ApprovalRequest, Decision, ModelVersion, PipelineRun

BEFORE = ("registry_ui", "0003_background_tasks")
AFTER = ("registry_ui", "0006_decisions")


def migrate(target: tuple[str, str]) -> MigrationExecutor:
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return MigrationExecutor(connection)


@pytest.fixture
def latest() -> Iterator[None]:
    """Every migration again after the test, whatever it undid."""
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_decisions_stay_append_only_and_what_waits_is_asked_for(latest: None) -> None:
    old = migrate(BEFORE).loader.project_state([BEFORE]).apps
    rows = [
        old.get_model("registry_ui", "ModelVersion").objects.create(
            model="fruit",
            number=number,
            bundle_hash=str(number) * 64,
            data_hash="a" * 64,
            status=status,
            requested_by="rui",
        )
        for number, status in ((1, "approved"), (2, "waiting"))
    ]
    old.get_model("registry_ui", "Decision").objects.create(
        model="fruit",
        version=rows[0],
        action="approve",
        actor="olga",
        reason="good",
        generation_before=0,
        generation_after=1,
    )
    migrate(AFTER)

    for change in (lambda: Decision.objects.update(actor="eve"), lambda: Decision.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    asked = ApprovalRequest.objects.get()
    assert asked.version == ModelVersion.objects.get(number=2)
    assert (asked.requested_by, asked.started_by, asked.four_eyes, asked.state) == ("rui", "rui", True, "open")


@pytest.mark.django_db(transaction=True)
def test_tokens_made_before_scopes_keep_them_all(latest: None) -> None:
    migrate(("predictions", "0002_canary_history_and_permissions"))
    rui = User.objects.create_user("rui")
    row, _ = AuthToken.objects.create(rui)
    migrate(("predictions", "0003_tokens_and_limits"))

    details = TokenDetails.objects.get(token_id=row.digest)
    assert (details.name, set(details.scopes), details.model_names) == ("made before scopes", EVERY_SCOPE, None)


@pytest.mark.django_db(transaction=True)
def test_decisions_stay_append_only_when_shadows_come_and_former_champions_are_known_at_once(latest: None) -> None:
    before = [("registry_ui", "0007_notifications"), ("predictions", "0002_canary_history_and_permissions")]
    executor = MigrationExecutor(connection)
    executor.migrate(before)
    old = MigrationExecutor(connection).loader.project_state(before).apps
    bundles = {number: str(number) * 64 for number in range(1, 8)}
    old.get_model("predictions", "Deployment").objects.create(
        model="fruit", generation=8, champion_version=7, champion_bundle=bundles[7]
    )
    for generation, number in enumerate([1, 2, 3, 4, 5, 6, 2, 7], start=1):
        old.get_model("predictions", "Generation").objects.create(
            model="fruit", number=generation, champion_version=number, champion_bundle=bundles[number], cause="test"
        )
    version = old.get_model("registry_ui", "ModelVersion").objects.create(
        model="fruit", number=1, bundle_hash=bundles[1], data_hash="a" * 64
    )
    old.get_model("registry_ui", "Decision").objects.create(
        model="fruit", version=version, action="approve", actor="olga", reason="good",
        generation_before=0, generation_after=1,
    )  # fmt: skip
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Decision.objects.update(actor="eve")
    assert Deployment.objects.get().former == [{"version": n, "bundle": bundles[n]} for n in (2, 6, 5, 4)]


@pytest.mark.django_db(transaction=True)
def test_runs_of_before_say_who_started_them_in_the_words_of_now(latest: None) -> None:
    before = ("registry_ui", "0008_shadows")
    old = migrate(before).loader.project_state([before]).apps
    for number, trigger in enumerate(("manual", "admin", "api", "bootstrap", "odd")):
        old.get_model("registry_ui", "PipelineRun").objects.create(
            model=f"fruit{number}", trigger=trigger, requested_by="rui", due_at=timezone.now()
        )
    migrate(("registry_ui", "0009_retraining"))

    runs = PipelineRun.objects.order_by("model").values_list("trigger", "trigger_detail")
    assert list(runs) == [("person", ""), ("person", ""), ("api", ""), ("command", ""), ("person", "odd")]
