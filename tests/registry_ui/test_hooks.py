"""The webhook of MLflow's registry: from a real server to a foreign change, and nothing from anybody else."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent
from mlflow.webhooks.delivery import _generate_hmac_signature
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from ml_pipeline.tracking.client import connect
from ml_pipeline.tracking.mirror import server_abilities, set_alias
from ml_pipeline.tracking.server import TrackingServer
from predictions.models import Deployment
from registry_ui.models import BackgroundTask, ForeignChange
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.mirroring import outbox_mirror
from tests.ml_pipeline.tracking.servers import PASSWORD, USERNAME, running_mlflow
from tests.processes import wait_until
from tests.registry_ui.conftest import generation, live
from tests.registry_ui.tracked import imported, stands

HOOK, SECRET = "/api/v1/hooks/mlflow", "a-secret-for-tests"
MOVED = {"entity": "model_version_alias", "action": "created", "data": {"name": "codesoft-fruit", "alias": "champion"}}


@pytest.fixture(autouse=True)
def secret(settings: Settings) -> None:
    settings.MLFLOW_WEBHOOK_SECRET = SECRET


@pytest.fixture
def mlflow_server(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real server with basic auth, which may call plain HTTP on this machine."""
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http,https")
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    monkeypatch.setenv("MLFLOW_WEBHOOK_CACHE_TTL", "0")  # seconds in which a server does not see a new webhook
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USERNAME)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    folder = store / "server"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes((store / "var" / "mlflow" / "mlflow.db").read_bytes())
    with running_mlflow(folder, folder / "mlflow.db") as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        yield address


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """The headers that MLflow's own code makes."""
    timestamp = str(int(at or time.time()))
    signature = _generate_hmac_signature(secret, "delivery-1", timestamp, body.decode())
    return {
        "X-MLflow-Delivery-Id": "delivery-1",
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Signature": signature,
    }


def post(body: bytes, headers: dict[str, str]) -> int:
    client = Client(enforce_csrf_checks=True)
    return client.post(HOOK, body, content_type="application/json", headers=headers).status_code


@pytest.mark.django_db(transaction=True)
def test_an_alias_moved_by_hand_on_a_real_server_is_shown_as_foreign_and_what_serves_stays(
    store: Path, mlflow_server: str, live_server: LiveServer
) -> None:
    imported(store, 1.0)
    imported(store, 2.0)
    outbox_mirror()
    assert stands() == {1: ("Production", ("champion",)), 2: ("Staging", ("challenger",))}
    assert server_abilities().webhooks
    with connect(TrackingServer.configured()).translated() as client:
        event = WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.CREATED)
        client.create_webhook(name="codesoft", url=live_server.url + HOOK, events=[event], secret=SECRET)

    set_alias("fruit", "champion", 2)

    task = wait_until(lambda: BackgroundTask.objects.filter(subject="fruit").first(), 30)
    assert (task.kind, task.requested_by) == ("sync", "system:mlflow-webhook")
    task_execute(task_id=task.pk, kinds=KINDS)
    change = ForeignChange.objects.get()
    assert (change.key, change.ours, change.theirs, change.state) == ("alias:champion", "1", "2", "open")
    assert (live().number, generation(), Deployment.objects.get().champion_version) == (1, 1, 1)  # type: ignore[union-attr]
    assert stands()[2] == ("Staging", ("challenger", "champion"))


@pytest.mark.django_db
def test_a_signed_event_queues_one_sync_of_its_model_and_is_believed_nothing_more() -> None:
    deployment_ensure(model="fruit")
    body = json.dumps(MOVED).encode()

    assert [post(body, signed(body)) for _ in range(2)] == [202, 202]
    assert [task.model for task in BackgroundTask.objects.all()] == ["fruit"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        {"data": {"name": "somebody-elses"}},
        {"data": {"name": "codesoft-unknown"}},
        {"data": {"name": 7}},
        {"data": None},
        [],
        "text",
    ],
)
def test_a_signed_event_about_nothing_of_ours_is_taken_and_does_nothing(body: Any) -> None:
    content = json.dumps(body).encode()

    assert post(content, signed(content)) == 204
    assert not BackgroundTask.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(lambda _: {}, id="unsigned"),
        pytest.param(lambda body: signed(body, secret="another"), id="another secret"),
        pytest.param(lambda _: signed(b"another body"), id="another body"),
        pytest.param(lambda body: signed(body, at=time.time() - 301), id="too old"),
        pytest.param(lambda body: signed(body, at=time.time() + 301), id="from the future"),
        pytest.param(lambda body: signed(body) | {"X-MLflow-Timestamp": "soon"}, id="no time"),
        pytest.param(lambda body: signed(body) | {"X-MLflow-Delivery-Id": "delivery-2"}, id="another delivery"),
        pytest.param(lambda body: signed(body) | {"X-MLflow-Signature": "v1,\xe9"}, id="no base64"),
    ],
)
def test_what_is_not_signed_by_our_secret_a_moment_ago_is_refused(headers: Any) -> None:
    deployment_ensure(model="fruit")
    body = json.dumps(MOVED).encode()

    assert post(body, headers(body)) == 401
    assert not BackgroundTask.objects.exists()


@pytest.mark.django_db
def test_without_a_secret_there_is_no_door_and_a_large_body_is_not_read(settings: Settings) -> None:
    large = b" " * 65_537
    assert post(large, signed(large)) == 413
    assert Client().get(HOOK).status_code == 405

    settings.MLFLOW_WEBHOOK_SECRET = ""
    assert post(b"{}", signed(b"{}", secret="-")) == 404
