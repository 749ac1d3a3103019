#!/usr/bin/env python
"""Django's command line."""

import os
import sys

_OURS = ("codesoft", "ml_pipeline", "predictions", "registry_ui")


def main() -> None:
    """What a person can mend is a line for a person; `--traceback` shows where: a library that is not installed, a
    wrong variable, a database that cannot be used."""
    try:
        _run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if "--traceback" in sys.argv or missing in ("", *_OURS):
            raise
        sys.exit(
            f"{missing} is not installed for {sys.executable}. In a checkout use .venv/bin/python, which `make run` "
            "makes; in a deployment run this in a worker: the web image has what serving needs alone."
        )


def _run() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "codesoft.settings")
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - needs the variable above
    from django.core.management import execute_from_command_line  # noqa: PLC0415
    from django.db import OperationalError  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, OperationalError) as error:
        if "--traceback" in sys.argv:
            raise
        subject = "Configuration" if isinstance(error, ImproperlyConfigured) else "The database"
        sys.exit(f"{subject}: {str(error).strip()}")


if __name__ == "__main__":
    main()
