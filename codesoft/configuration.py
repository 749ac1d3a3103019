"""Environment variables as settings. What cannot be is refused by name before anything starts."""

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

_MODES = ("laptop", "production")
SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "codesoft.postgresql"
_SCHEMES = ("postgres", "postgresql", "sqlite")


def is_production() -> bool:
    """A misspelled mode must not open what production closes."""
    mode = env.str("CODESOFT_ENV", "") or _MODES[0]
    if mode not in _MODES:
        raise ImproperlyConfigured(f"CODESOFT_ENV is {mode!r}. Set it to {' or '.join(_MODES)}.")
    return mode == "production"


def whole_number(variable: str, default: int) -> int:
    text = env.str(variable, "") or str(default)
    if not (text.isascii() and text.isdecimal()):
        raise ImproperlyConfigured(f"{variable} is {text!r}. Set it to a whole number.")
    return int(text)


def secret_key(*, production: bool, state: Path) -> str:
    """The variable's. Production has no other; a laptop makes a random key once, which its owner alone reads."""
    key: str = env.str("DJANGO_SECRET_KEY", "")
    if key:
        return key
    if production:
        raise ImproperlyConfigured("DJANGO_SECRET_KEY is not set. Make one with `openssl rand -hex 32`.")
    return _kept_secret(state / "secret_key")


def _kept_secret(path: Path) -> str:
    """Linked into place when it is whole: the first of several processes wins, and a full disk leaves no empty key."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_secret(path)
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"The state folder {path.parent} cannot be used: {error.strerror}. Set VAR_DIR to another folder."
        ) from error


def _make_secret(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def database(*, state: Path) -> dict[str, Any]:
    """Django's settings of the address in `DATABASE_URL`, else of a file in the state folder."""
    url: str = env.str("DATABASE_URL", "")
    if not url:
        return {"ENGINE": SQLITE, "NAME": str(state / "codesoft.sqlite3")}
    with suppress(ValueError):  # it quotes the address, password and all, so that it cannot stand as the cause
        if url.partition("://")[0] in _SCHEMES:  # else the library warns of it, in the same words
            configured: dict[str, Any] = env.db("DATABASE_URL")
            if configured["ENGINE"] != SQLITE:
                configured["ENGINE"] = POSTGRESQL
            return configured
    raise ImproperlyConfigured(
        "DATABASE_URL is no address of PostgreSQL. It looks like postgres://USER:PASSWORD@HOST:5432/NAME, "
        "USER and PASSWORD percent-encoded."
    )


def broker_url() -> str:
    """Of Redis, or empty; it is not shown, because it may hold a password."""
    url: str = env.str("REDIS_URL", "")
    if url and not url.startswith(("redis://", "rediss://")):
        raise ImproperlyConfigured("REDIS_URL is no address of Redis. It looks like rediss://:PASSWORD@HOST:6379/0.")
    return url


def bundle_bucket() -> tuple[str, str] | None:
    """Bucket and prefix of `BUNDLE_STORAGE_URL`; None where bundles lie in a folder."""
    url = env.str("BUNDLE_STORAGE_URL", "")
    if not url:
        return None
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise ImproperlyConfigured(f"BUNDLE_STORAGE_URL is {url!r}. It looks like s3://BUCKET/PREFIX.")
    return bucket, prefix


def log_level() -> str:
    level: str = env.str("LOG_LEVEL", "").upper() or "INFO"
    if level not in logging.getLevelNamesMapping():
        raise ImproperlyConfigured(f"LOG_LEVEL is {level!r}. Set it to DEBUG, INFO, WARNING or ERROR.")
    return level
