"""Django's `flush`, as tests that commit end with it, with the append-only triggers lifted while it empties tables."""

from typing import Any

from django.core.management.commands import flush
from django.db import connections

from registry_ui.append_only import install_triggers, remove_triggers


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        remove_triggers(connection)
        try:
            super().handle(**options)
        finally:
            install_triggers(connection)
