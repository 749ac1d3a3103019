"""Who may enter a fresh installation: random passwords and one API token, kept in a file that only its owner reads."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction

from ml_pipeline.canonical import readable_json
from predictions.scopes import SCOPES
from registry_ui.services.access import Actor
from registry_ui.services.tokens import token_create

_ROLES = {"admin": "administrator", "approver": "approver"}
TOKEN_OWNER = "admin"  # noqa: S105 - a user's name


def ensure_access(path: Path, url: str) -> tuple[dict[str, Any], bool]:
    """The content of `access.json`, and whether it was made now. A file that is lost means new passwords and token."""
    known = _read(path)
    created = known is None
    access = known or {"users": _create_users(), "token": _create_token()}
    if access.get("url") != url:
        access["url"] = url
        _write_private(path, access)
    return access, created


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    users = User.objects.filter(username__in=_ROLES, is_active=True).count()
    return content if users == len(_ROLES) and isinstance(content, dict) else None


@transaction.atomic
def _create_users() -> list[dict[str, str]]:
    rows = []
    for name, role in _ROLES.items():
        user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        user.is_staff, user.is_superuser = True, name == "admin"
        user.set_password(password := secrets.token_urlsafe(12))
        user.save()
        if role == "approver":
            user.groups.add(Group.objects.get(name="approvers"))
        rows.append({"name": name, "password": password, "role": role})
    return rows


def _create_token() -> str:
    return token_create(
        owner=User.objects.get(username=TOKEN_OWNER),
        actor=Actor.operator("launch"),
        name="made at the first start",
        scopes=SCOPES,
        model_names=None,
    )


def _write_private(path: Path, content: dict[str, Any]) -> None:
    handle = os.open(path.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(readable_json(content))
    path.with_suffix(".new").replace(path)
