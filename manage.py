#!/usr/bin/env python
"""Django's command line."""

import os
import sys


def main() -> None:
    """A wrong variable and a database that cannot be used are a line for a person; `--traceback` shows where."""
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
