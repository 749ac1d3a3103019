"""A webhook of MLflow's registry (3.3 and later): a hint to sync sooner than the period, and nothing more.

What it says is not believed beyond the name of a model: the sync looks by itself. MLflow signs `id.timestamp.body` as
`v1,<base64 of HMAC-SHA256>`, after Standard Webhooks.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from ml_pipeline.tracking.registry import registered_name
from predictions.models import Deployment
from registry_ui.errors import HookRefused
from registry_ui.models import BackgroundTask
from registry_ui.services.access import Actor
from registry_ui.services.sync_requests import sync_request

_TOLERANCE = 300  # seconds between the sender's clock and ours, retries included


@dataclass(frozen=True)
class Delivery:
    """A webhook as it came in."""

    id: str
    timestamp: str
    signature: str
    body: bytes


def hook_receive(*, delivery: Delivery, secret: str) -> BackgroundTask | None:
    """Queue a sync of the model that it speaks of; None where that is not one of ours. HookRefused for a bad one."""
    _require_signed(delivery, secret)
    model = _model(delivery.body)
    return None if model is None else sync_request(actor=Actor.system("mlflow-webhook"), model=model)


def _require_signed(delivery: Delivery, secret: str) -> None:
    """The same answer for every fault: a sender who has the secret needs no more, and nobody else gets more."""
    signed = b".".join([delivery.id.encode(), delivery.timestamp.encode(), delivery.body])
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(digest).decode()
    genuine = hmac.compare_digest(expected.encode(), delivery.signature.encode())
    if not genuine or not _is_recent(delivery.timestamp):
        raise HookRefused(
            "The webhook is not signed with our secret, or is older than 5 minutes.",
            advice="Compare MLFLOW_WEBHOOK_SECRET with the webhook's secret, and the clocks.",
        )


def _is_recent(timestamp: str) -> bool:
    return timestamp.isdecimal() and len(timestamp) < 20 and abs(time.time() - int(timestamp)) <= _TOLERANCE


def _model(body: bytes) -> str | None:
    """The model of ours that the event names. A shared server tells of others as well."""
    try:
        name = json.loads(body)["data"]["name"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    prefix = registered_name("")
    model = name.removeprefix(prefix) if isinstance(name, str) and name.startswith(prefix) else ""
    return model if model and Deployment.objects.filter(model=model).exists() else None
