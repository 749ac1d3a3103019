"""A registry with people in it, and an importer of candidates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from pytest_django import Settings

from predictions.models import Deployment
from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get
from registry_ui.services.access import APPROVERS, REQUESTERS, Actor
from registry_ui.services.candidates import Imported, candidate_import
from tests.registry_ui.candidates import write_candidate

Import = Callable[..., Imported]


@pytest.fixture(autouse=True)
def bundle_folder(settings: Settings, tmp_path: Path) -> Path:
    """A bundle store of this test's own."""
    folder = tmp_path / "bundles"
    settings.STORAGES = {
        **settings.STORAGES,
        "bundles": {**settings.STORAGES["bundles"], "OPTIONS": {"location": folder}},
    }
    settings.WORKSPACES_DIR = tmp_path / "workspaces"
    return folder


@pytest.fixture
def approver(db: None) -> Actor:
    return Actor.person(member("olga", APPROVERS))


@pytest.fixture
def requester(db: None) -> Actor:
    return Actor.person(member("rui", REQUESTERS))


def member(name: str, *groups: str) -> User:
    user = User.objects.create_user(name, password="a long enough password", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


@pytest.fixture
def import_one(tmp_path: Path) -> Import:
    """Import a candidate that was compared with the champion of now, unless another `champion` is named."""

    def imported(**what: Any) -> Imported:
        root = tmp_path / "candidate"
        model = what.get("model", "fruit")
        champion = what.pop("champion", champion_get(model=model))
        elsewhere = what.pop("elsewhere", False)
        actor = what.pop("actor", Actor.operator("test"))
        write_candidate(root, champion=champion, **what)
        return candidate_import(model=model, root=root, actor=actor, elsewhere=elsewhere, published=None)

    return imported


def generation(model: str = "fruit") -> int:
    return Deployment.objects.get(model=model).generation


def live(model: str = "fruit") -> ModelVersion | None:
    return champion_get(model=model)
