"""A wrong variable stops every command with its name and what it may be, and never with a secret in it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from codesoft.configuration import secret_key
from ml_pipeline.environment import PROJECT_ROOT


def run_with(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT_ROOT,
        env={**environment, "VAR_DIR": str(folder / "var"), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"CODESOFT_ENV": "prod"}, "CODESOFT_ENV is 'prod'. Set it to laptop or production."),
        ({"CODESOFT_ENV": "production", "DJANGO_SECRET_KEY": ""}, "DJANGO_SECRET_KEY is not set."),
        ({"DATABASE_URL": "mysql://u:hushhush@h/x"}, "DATABASE_URL is no address of PostgreSQL."),
        ({"DATABASE_URL": "postgres://u:hushhush@h:port/x"}, "DATABASE_URL is no address of PostgreSQL."),
        ({"REDIS_URL": "host:6379"}, "REDIS_URL is no address of Redis."),
        (
            {"BUNDLE_STORAGE_URL": "gs://bucket"},
            "BUNDLE_STORAGE_URL is 'gs://bucket'. It looks like s3://BUCKET/PREFIX.",
        ),
        ({"SPOOL_LIMIT_BYTES": "256M"}, "SPOOL_LIMIT_BYTES is '256M'. Set it to a whole number."),
        (
            {"DATABASE_PATIENCE_SECONDS": "half a minute"},
            "DATABASE_PATIENCE_SECONDS is 'half a minute'. Set it to a whole number.",
        ),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'LOUD'."),
        ({"VAR_DIR": "/dev/null"}, "The state folder /dev/null cannot be used: "),
    ],
)
def test_a_wrong_variable_is_one_line_and_a_failure(tmp_path: Path, variables: dict[str, str], named: str) -> None:
    done = run_with(tmp_path, "manage.py", "check", **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Configuration: {named}")
    assert len(done.stderr.splitlines()) == 1
    assert "hushhush" not in done.stderr


@pytest.mark.parametrize(("library", "command"), [("django", "check"), ("ruamel", "retrain")])
def test_a_command_whose_library_is_missing_says_where_it_runs(tmp_path: Path, library: str, command: str) -> None:
    without = "import runpy, sys; sys.modules[sys.argv.pop(1)] = None; runpy.run_path('manage.py', run_name='__main__')"
    done = run_with(tmp_path, "-c", without, library, command, "--help")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{library} is not installed for {sys.executable}.")
    assert "in a worker" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_laptop_keeps_one_random_key_that_its_owner_alone_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_SECRET_KEY", raising=False)
    key = secret_key(production=False, state=tmp_path)
    assert len(key) > 50
    assert secret_key(production=False, state=tmp_path) == key
    (kept,) = tmp_path.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_key_that_could_not_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.delenv("DJANGO_SECRET_KEY", raising=False)
    monkeypatch.setattr("codesoft.configuration.secrets.token_urlsafe", full)
    with pytest.raises(ImproperlyConfigured, match=r"No space left on device\. Set VAR_DIR"):
        secret_key(production=False, state=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_web_process_that_could_answer_no_request_does_not_start_in_production(tmp_path: Path) -> None:
    gunicorn = ("-m", "gunicorn", "codesoft.wsgi:application", "-c", "codesoft/gunicorn.py")
    done = run_with(tmp_path, *gunicorn, CODESOFT_ENV="production", DJANGO_SECRET_KEY="k", HOST_ADDRESS="127.0.0.1")
    assert done.returncode != 0
    assert "DJANGO_ALLOWED_HOSTS is not set." in done.stderr


def test_what_the_database_s_address_asks_of_a_connection_is_kept(tmp_path: Path) -> None:
    told = run_with(
        tmp_path,
        "-c",
        "from codesoft import settings; print(sorted(settings.DATABASES['default']['OPTIONS'].items()))",
        DATABASE_URL="postgres://u:p@h/x?sslmode=require",
    )
    assert told.stdout.strip() == "[('connect_timeout', 3), ('patience', 30), ('sslmode', 'require')]", told.stderr
