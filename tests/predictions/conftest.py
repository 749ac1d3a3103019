"""A serving process whose steps the test calls itself, with folders of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

from predictions.serving import serving_process, stop_serving
from predictions.serving.process import ServingProcess
from tests.bundles import build_bundle, build_wine_bundle
from tests.deployments import deploy

MODELS = ("sentiment", "spam", "mortgage")


@pytest.fixture
def process(db: None, settings: Any, tmp_path: Path) -> Iterator[ServingProcess]:
    """An empty process: no thread runs; call `refresh`, `load_bundles`, `ship`."""
    stop_serving()
    settings.SERVING_DIR = tmp_path / "serving"
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.STORAGES = {
        **settings.STORAGES,
        "bundles": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "bundles")},
        },
    }
    yield serving_process()
    stop_serving()


@pytest.fixture
def live(process: ServingProcess) -> ServingProcess:
    """The three bundled models and a multi-class one serve version 1; `unborn` has no live version."""
    for model in MODELS:
        deploy(model, build_bundle(model))
    deploy("wine", build_wine_bundle())
    deploy("unborn", None)
    synchronise(process)
    return process


def synchronise(process: ServingProcess) -> None:
    process.live_models.refresh()
    process.live_models.load_bundles()


@pytest.fixture
def token(db: None) -> str:
    """A token of the user `caller`; it holds once the snapshot has been refreshed."""
    _, token = AuthToken.objects.create(User.objects.create_user("caller"))
    return str(token)


@pytest.fixture
def api(token: str, live: ServingProcess) -> Client:
    """A client with a good token."""
    live.live_models.refresh()
    return Client(headers={"authorization": f"Token {token}"}, raise_request_exception=True)
